import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Limit } from '../../src/index.ts';
import { RedisServer, redisProgram } from '../support/redis.ts';
import { describeWith } from '../support/server.ts';
import { chatCompletion, chatUsage } from '../support/upstream.ts';
import type { Call, CallReport, Orders } from './waiting-worker.ts';

const PROGRAM = join(import.meta.dirname, 'waiting-worker.ts');
const PATIENCE = { timeout: 120_000 };
const WORKERS = 6;
const CALLS = 20;
/** Calls in one window. */
const FITTING = 30;

/** Answers every chat at once, and notes who was sent. */
async function startApi() {
  const sent: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body: { messages: { content: string }[] } = JSON.parse(Buffer.concat(chunks).toString());
      sent.push(body.messages[0]?.content ?? '');
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(chatCompletion(chatUsage(8, 1))));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/v1`, sent, stop: () => server.close() };
}

/** @throws if the worker ends before it has answered */
async function answer(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const { signal } = ended;
  const exit = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`a worker ended with code ${code}`);
  });
  try {
    const [message] = await Promise.race([once(child, 'message', { signal }), exit]);
    return message;
  } finally {
    exit.catch(() => 'it has answered');
    ended.abort();
  }
}

describeWith(
  redisProgram,
  'redis-server',
  `${WORKERS} worker processes that wait for a budget on Redis`,
  () => {
    let redis: RedisServer;
    let api: Awaited<ReturnType<typeof startApi>>;
    beforeAll(async () => {
      redis = await RedisServer.start();
      api = await startApi();
    }, PATIENCE.timeout);
    afterAll(async () => {
      api?.stop();
      await redis?.stop();
    });

    /** Scripts that Redis has run: each is an admission or a settlement. */
    async function scripts(): Promise<number> {
      const client = await createClient({ url: redis.url }).connect();
      const stats = await client.info('commandstats');
      client.destroy();
      const counts = [...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)];
      return counts.reduce((sum, [, calls]) => sum + Number(calls), 0);
    }

    /** All workers make their calls at the same time. */
    async function run(limit: Limit, callsOf: (worker: number) => Call[]) {
      const crew = Array.from({ length: WORKERS }, () =>
        fork(PROGRAM, {
          execArgv: [],
          env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'governed-openai-compiled') },
        }),
      );
      try {
        await Promise.all(
          crew.map(async (child, worker) => {
            const orders: Orders = { redis: redis.url, api: api.url, limit, calls: callsOf(worker) };
            child.send(orders);
            await answer(child);
          }),
        );
        const before = await scripts();
        const reports = await Promise.all(
          crew.map(async (child) => {
            child.send('go');
            const reports = (await answer(child)) as CallReport[];
            if (child.exitCode === null) await once(child, 'exit');
            return reports;
          }),
        );
        return { reports: reports.flat(), asked: (await scripts()) - before };
      } finally {
        for (const child of crew) child.kill('SIGKILL');
      }
    }

    test('ask for a window when it begins, one of each worker, however many wait', PATIENCE, async () => {
      const seconds = 2;
      const limit = { name: 'window', requests: FITTING, per: { seconds }, window: 'fixed' } as const;
      const callsOf = (worker: number) =>
        Array.from({ length: CALLS }, (_, i) => ({ name: `window ${worker}-${i}` }));
      const { reports, asked } = await run(limit, callsOf);
      expect(reports.map(({ error }) => error)).toEqual(reports.map(() => undefined));
      const names = reports.map(({ name }) => name);
      expect(api.sent.filter((name) => name.startsWith('window')).sort()).toEqual(names.sort());
      const began = Math.min(...reports.map(({ beganAt }) => beganAt));
      const ended = Math.max(...reports.map(({ endedAt }) => endedAt));
      const windows = Math.floor(ended / (seconds * 1_000)) - Math.floor(began / (seconds * 1_000)) + 1;
      // A call tries as it comes; when it is admitted later; and is settled. One of each worker finds a window full.
      const all = WORKERS * CALLS;
      expect(asked).toBeLessThanOrEqual(all + (all - FITTING) + all + WORKERS * windows);
    });

    test(
      'are admitted as fast as it refills, not faster; who is aborted leaves at once',
      PATIENCE,
      async () => {
        const limit = { name: 'bucket', requests: 40, per: { seconds: 1 }, burst: 10 } as const;
        const leaving = (i: number) => i >= CALLS - 2;
        const callsOf = (worker: number) =>
          Array.from({ length: CALLS }, (_, i): Call => {
            const name = `bucket ${worker}-${i}`;
            return leaving(i) ? { name, priority: 9, abort: 200 } : { name };
          });
        const { reports, asked } = await run(limit, callsOf);
        const left = reports.filter(({ error }) => error === 'APIUserAbortError');
        const names = Array.from({ length: WORKERS }, (_, worker) => [
          `bucket ${worker}-${CALLS - 2}`,
          `bucket ${worker}-${CALLS - 1}`,
        ]);
        expect(left.map(({ name }) => name)).toEqual(names.flat());
        const rest = reports.filter((report) => !left.includes(report));
        expect(rest.map(({ error }) => error)).toEqual(rest.map(() => undefined));
        const sent = api.sent.filter((name) => name.startsWith('bucket'));
        expect(sent.sort()).toEqual(rest.map(({ name }) => name).sort());
        const span =
          Math.max(...rest.map(({ endedAt }) => endedAt)) - Math.min(...rest.map(({ beganAt }) => beganAt));
        expect(span).toBeGreaterThanOrEqual(((rest.length - 10) * 1_000) / 40);
        for (const { beganAt, endedAt } of left) expect(endedAt - beganAt).toBeLessThan(span);
        // Beside first tries, last ones and settlements: far fewer than one of each worker for each that is admitted.
        expect(asked - reports.length - 2 * rest.length).toBeLessThan((rest.length * WORKERS) / 2);
      },
    );
  },
);
