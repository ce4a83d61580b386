/** A worker process that, when told to, makes calls of a shared budget all at once, which wait for it. */

import KeyvRedis from '@keyv/redis';
import Keyv from 'keyv';
import { Budget, GovernedOpenAI, type Limit } from '../../src/index.ts';

export interface Orders {
  readonly redis: string;
  /** URL of the API. */
  readonly api: string;
  readonly limit: Limit;
  readonly calls: readonly Call[];
}

export interface Call {
  readonly name: string;
  readonly priority?: number;
  /** Milliseconds after which it is aborted. */
  readonly abort?: number;
}

export interface CallReport {
  readonly name: string;
  /** By this machine's clock, in Unix milliseconds. */
  readonly beganAt: number;
  readonly endedAt: number;
  /** Name of the error's class, if it failed. */
  readonly error: string | undefined;
}

const next = () => new Promise<unknown>((resolve) => process.once('message', resolve));

const orders = (await next()) as Orders;
const store = new Keyv(new KeyvRedis(orders.redis));
const budget = new Budget({ store, storeTimeout: 60_000, limits: [orders.limit], onExceeded: 'wait' });
const openai = new GovernedOpenAI({ apiKey: 'sk-test', baseURL: orders.api, budget, maxRetries: 0 });
await budget.ready();
// Redis has its scripts before anything is counted.
(await budget.reserve({ key: 'nobody', usage: { requests: 1 } })).refund();
await budget.flush();
process.send?.('ready');
await next();
process.send?.(await Promise.all(orders.calls.map(make)));
await budget.flush();
await store.disconnect();
process.disconnect();

async function make({ name, priority, abort }: Call): Promise<CallReport> {
  const beganAt = Date.now();
  const body = {
    model: 'gpt-4o-mini',
    messages: [{ role: 'user' as const, content: name }],
    max_completion_tokens: 1,
  };
  const options = abort === undefined ? {} : { signal: AbortSignal.timeout(abort) };
  let error: string | undefined;
  try {
    await openai.withCaller({ priority }).chat.completions.create(body, options);
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.constructor.name : String(thrown);
  }
  return { name, beganAt, endedAt: Date.now(), error };
}
