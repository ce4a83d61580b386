import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import KeyvRedis from '@keyv/redis';
import type { RedisSentinelOptions } from '@redis/client';
import Keyv from 'keyv';
import { expect, onTestFinished, test } from 'vitest';
import { Budget } from '../../src/index.ts';
import { type RedisServer, redisProgram } from '../support/redis.ts';
import { describeWith, freePort, listening, start, stop } from '../support/server.ts';
import { adminOf } from './server-faults.ts';
import {
  ask,
  asksFor,
  eventually,
  expectCounted,
  expectNothingUnhandled,
  failureOf,
  LIMITS,
  proxyTo,
  serverOf,
  settle,
} from './support.ts';

/** A folder for what a server writes. */
function folderOf(): string {
  const folder = mkdtempSync(join(tmpdir(), 'governed-sentinel-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Watches a master of the name `main`, and makes its replica the master when it is gone. Resolves to its address. */
async function sentinelOf(master: RedisServer) {
  const folder = folderOf();
  const port = await freePort();
  const config = join(folder, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds main 500',
    'sentinel failover-timeout main 3000',
  ];
  writeFileSync(config, lines.join('\n'));
  const sentinel = start(redisProgram ?? 'redis-server', [config, '--sentinel']);
  onTestFinished(() => stop(sentinel, 'SIGKILL'));
  await listening(port, sentinel);
  return { host: '127.0.0.1', port };
}

/** A budget that finds its master by a sentinel. @param options more of those of the client */
function budgetBy(sentinel: { host: string; port: number }, options: Partial<RedisSentinelOptions> = {}) {
  const adapter = new KeyvRedis({ name: 'main', sentinelRootNodes: [sentinel], ...options });
  onTestFinished(() => adapter.disconnect(true));
  return new Budget({ store: new Keyv(adapter), limits: LIMITS, storeTimeout: 1_000 });
}

describeWith(redisProgram, 'redis-server', 'Redis under Sentinel', () => {
  expectNothingUnhandled();

  test('a master that is lost: calls are admitted by its successor, which goes on where it was', async () => {
    const master = await serverOf('--repl-diskless-sync-delay', '0');
    const replica = await serverOf('--replicaof', '127.0.0.1', String(master.port), '--dir', folderOf());
    const [onMaster, onReplica] = [await adminOf(master.url), await adminOf(replica.url)];
    await eventually(async () =>
      expect(String(await onReplica('INFO', 'replication'))).toContain('master_link_status:up'),
    );
    const sentinel = await sentinelOf(master);
    const asked = await adminOf(`redis://127.0.0.1:${sentinel.port}`);
    await eventually(async () => expect(await asked('SENTINEL', 'REPLICAS', 'main')).toHaveLength(1));
    const budget = budgetBy(sentinel);
    const [settled, open] = [await ask(budget, 40), await ask(budget, 50)];
    // It waits for the writes of its own connection, and so for all before them.
    await onMaster('SET', 'mark', '1');
    expect(await onMaster('WAIT', '1', '10000')).toBe(1);
    await master.stop();
    await failureOf(ask(budget, 500));
    settle(settled, 10);
    const after = await eventually(() => ask(budget, 7));
    await budget.flush();
    await expectCounted(budget, 67, 3, 2);
    open.refund();
    settle(after, 3);
    await budget.flush();
    await expectCounted(budget, 13, 2);
    expect(String(await onReplica('INFO', 'replication'))).toContain('role:master');
  });

  test('a reply that is lost: its client sends an admission again, which is counted once', async () => {
    const master = await serverOf();
    const proxy = await proxyTo(master);
    const sentinel = await sentinelOf(master);
    const nodeAddressMap = { [`127.0.0.1:${master.port}`]: { host: '127.0.0.1', port: proxy.port } };
    const budget = budgetBy(sentinel, { nodeAddressMap });
    await ask(budget, 1);
    for (const operation of ['admit', 'settle']) {
      let lost = 0;
      proxy.fate = (sent) => (asksFor(operation, sent) && lost++ === 0 ? 'lose reply' : 'pass');
      settle(await ask(budget, 20), 10);
      await budget.flush();
      expect(lost).toBe(2);
    }
    await expectCounted(budget, 21, 3, 1);
  });
});
