import { fork } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisServer } from '../support/redis.ts';
import type { ApiLimits } from './api-account.ts';
import { ApiServer } from './api-server.ts';
import type { Load, LoadReport } from './load-worker.ts';

/** Worker processes that want more of an account than it gives. */
export interface LoadScenario {
  readonly name: string;
  readonly limits: ApiLimits;
  readonly workers: number;
  /** How long it goes on, in periods of the limits. */
  readonly periods: number;
  /** What the workers want, as a multiple of the limits. */
  readonly demand: number;
  /** Words of a prompt, at least and at most; a word is a token to us, and a quarter more to the API. */
  readonly words: readonly [number, number];
  /** Share of the limits that others use. */
  readonly elsewhere: number;
}

export interface LoadResult {
  /** Of the tighter limit: what was used, of what its full bucket and the refill could give. */
  readonly share: number;
  /** 429s of the API. */
  readonly refused: number;
  /** Calls with an answer, and calls that failed with a 429. */
  readonly done: number;
  readonly failed: number;
  /** Milliseconds that the calls with an answer have waited, ascending. */
  readonly waits: readonly number[];
}

const PROGRAM = join(import.meta.dirname, 'load-worker.ts');
const LATENCY = [50, 150] as const;

export async function runLoad(scenario: LoadScenario, governed: boolean): Promise<LoadResult> {
  const { limits, workers, periods, demand, words, elsewhere } = scenario;
  const server = await ApiServer.start({ limits, latency: LATENCY, elsewhere });
  const redis = governed ? await RedisServer.start() : undefined;
  const meanTokens = ((words[0] + words[1]) / 2) * 1.25;
  const calls = Math.min(limits.requests, limits.tokens / meanTokens) * demand;
  const load: Load = {
    url: server.url,
    redis: redis?.url,
    duration: periods * limits.periodMs,
    callsPerSecond: (calls / limits.periodMs) * (1_000 / workers),
    words,
  };
  try {
    const reports = await Promise.all(Array.from({ length: workers }, () => inProcess(load)));
    const { requests, tokens } = server.account.admitted;
    const used = Math.max(requests / limits.requests, tokens / limits.tokens);
    return {
      share: (used + elsewhere * periods) / (periods + 1),
      refused: server.account.refused,
      done: reports.reduce((sum, { done }) => sum + done, 0),
      failed: reports.reduce((sum, { failed }) => sum + failed, 0),
      waits: reports.flatMap((report) => report.waits).sort((a, b) => a - b),
    };
  } finally {
    await redis?.stop();
    await server.stop();
  }
}

/** @throws if the process ends without a report */
async function inProcess(load: Load): Promise<LoadReport> {
  const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'governed-openai-compiled') };
  const child = fork(PROGRAM, { execArgv: [], serialization: 'advanced', env });
  child.send(load);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a worker ended with code ${code}`);
  });
  const [report] = await Promise.race([once(child, 'message'), ended]);
  // It ends by itself, once it is disconnected.
  ended.catch(() => undefined);
  return report as LoadReport;
}
