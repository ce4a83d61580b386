import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import KeyvRedis from '@keyv/redis';
import Keyv from 'keyv';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Budget } from '../../src/index.ts';
import { redisProgram } from '../support/redis.ts';
import { describeWith, freePort } from '../support/server.ts';
import type { App } from './exiting-app.ts';
import {
  ask,
  budgetOn,
  causeOf,
  eventually,
  expectCounted,
  expectNothingUnhandled,
  failureOf,
  LIMITS,
  proxyTo,
  SOON,
  serverOf,
  settle,
} from './support.ts';

/** Runs an app that nothing else keeps alive. */
function run(app: App, url = ''): ChildProcess {
  const file = join(import.meta.dirname, 'exiting-app.ts');
  const child = spawn(process.execPath, [file, app, url], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

describe('A process that comes to its end', () => {
  test('is kept alive by no timer, except where it waits for flush()', async () => {
    const apps: App[] = [
      'leaves a refused settlement',
      'leaves a settlement without an answer',
      'flushes what was refused',
    ];
    const ends = apps.map(async (app) => {
      const child = run(app);
      const printed = child.stdout && text(child.stdout);
      const [code] = await once(child, 'exit');
      return { app, code, printed: await printed };
    });
    expect(await Promise.all(ends)).toEqual([
      { app: 'leaves a refused settlement', code: 0, printed: '' },
      { app: 'leaves a settlement without an answer', code: 0, printed: '' },
      { app: 'flushes what was refused', code: 0, printed: '20\n' },
    ]);
  });

  test('a settlement does not open what the app has closed before it could connect', async () => {
    const adapter = new KeyvRedis(`redis://127.0.0.1:${await freePort()}`);
    onTestFinished(() => adapter.disconnect(true));
    const budget = new Budget({ store: new Keyv(adapter), limits: LIMITS, storeTimeout: SOON });
    const failures: string[] = [];
    budget.on('storeError', (error) => failures.push(causeOf(error)));
    // Whether it was reserved is not known, so it is to be taken back.
    await failureOf(ask(budget, 40));
    await adapter.disconnect();
    await eventually(() => expect(failures.at(-1)).toContain('closed by the app'));
    expect(adapter.client.isOpen).toBe(false);
  });
});

describeWith(redisProgram, 'redis-server', 'A process that comes to its end while Redis is away', () => {
  expectNothingUnhandled();

  test('without flush(): it ends, and its estimate stands', async () => {
    const server = await serverOf();
    const proxy = await proxyTo(server);
    const child = run('leaves Redis', proxy.url);
    await once(child.stdout ?? child, 'data');
    await proxy.close();
    child.stdin?.end('go on');
    expect(await once(child, 'exit')).toEqual([0, null]);
    const budget = budgetOn(server.url, { key: 'app', limits: [{ tokens: 100, per: 'forever' }] });
    expect(await budget.usage()).toMatchObject([{ used: 50 }]);
    expect(await budget.reservations()).toMatchObject([{ usage: { tokens: 50 } }]);
  });

  test('with flush(): it stays until Redis is back and has the settlement', async () => {
    const server = await serverOf();
    const proxy = await proxyTo(server);
    const child = run('flushes to Redis', proxy.url);
    const said: string[] = [];
    let isBack = false;
    const ended = once(child, 'exit');
    for await (const data of child.stdout ?? []) {
      said.push(...String(data).trim().split('\n'));
      if (said.at(-1) === 'reserved') {
        await proxy.close();
        child.stdin?.end('go on');
      }
      if (said.includes('settle') && !isBack) {
        isBack = true;
        await proxy.open();
      }
    }
    expect(await ended).toEqual([0, null]);
    const budget = budgetOn(server.url, { key: 'app', limits: [{ tokens: 100, per: 'forever' }] });
    expect(await budget.usage()).toMatchObject([{ used: 20 }]);
    expect(await budget.reservations()).toEqual([]);
  });

  test('a settlement does not open what the app has closed; the next call does, and then it is delivered', async () => {
    const adapter = new KeyvRedis((await serverOf()).url);
    onTestFinished(() => adapter.disconnect());
    const budget = new Budget({ store: new Keyv(adapter), limits: LIMITS });
    const operations: string[] = [];
    budget.on('storeError', ({ operation }) => operations.push(operation));
    const reservation = await ask(budget, 40);
    await adapter.disconnect();
    settle(reservation, 10);
    // More than one try.
    await eventually(() => expect(operations.length).toBeGreaterThan(2));
    expect(operations).toEqual(operations.map(() => 'settle'));
    expect(adapter.client.isOpen).toBe(false);
    await ask(budget, 5);
    await budget.flush();
    await expectCounted(budget, 15, 2, 1);
  });
});
