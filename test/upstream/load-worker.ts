/** A worker process that makes calls at a steady rate, whatever becomes of them, and tells what did. */

import KeyvRedis from '@keyv/redis';
import Keyv from 'keyv';
import OpenAI from 'openai';
import { GovernedOpenAI } from '../../src/index.ts';

export interface Load {
  /** Of the API. */
  readonly url: string;
  /** URL of the Redis that a budget is shared through; undefined: the SDK alone. */
  readonly redis: string | undefined;
  /** Milliseconds. */
  readonly duration: number;
  readonly callsPerSecond: number;
  /** Words of a prompt, at least and at most. */
  readonly words: readonly [number, number];
}

export interface LoadReport {
  readonly done: number;
  /** Failed with the API's 429, after all retries. */
  readonly failed: number;
  /** Milliseconds that each call done has waited until it was sent for the last time. */
  readonly waits: readonly number[];
}

async function work({ url, redis, duration, callsPerSecond, words }: Load): Promise<LoadReport> {
  const options = { apiKey: 'test', baseURL: url };
  const keyv = redis === undefined ? undefined : new Keyv(new KeyvRedis(redis));
  const client =
    keyv === undefined
      ? new OpenAI(options)
      : new GovernedOpenAI({ ...options, budget: { store: keyv, upstream: 'observe', maxWait: 600_000 } });
  const over = new AbortController();
  const waits: number[] = [];
  let failed = 0;

  const call = async () => {
    const begun = performance.now();
    let sent = begun;
    const [least, most] = words;
    const content = 'word '.repeat(least + Math.floor(Math.random() * (most - least)));
    const watched = client.withOptions({
      fetch: (input, init) => {
        sent = performance.now();
        return fetch(input, init);
      },
    });
    try {
      await watched.chat.completions.create(
        { model: 'gpt-4o', messages: [{ role: 'user', content }] },
        { signal: over.signal },
      );
      waits.push(sent - begun);
    } catch (error) {
      if (over.signal.aborted) return;
      if (!(error instanceof OpenAI.RateLimitError)) throw error;
      failed++;
    }
  };

  const calls: Promise<void>[] = [];
  const start = performance.now();
  for (let due = 0; performance.now() - start < duration; ) {
    // As many as are due: a process that was held up catches up.
    for (; due * 1_000 < (performance.now() - start) * callsPerSecond; due++) calls.push(call());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  over.abort();
  await Promise.all(calls);
  if (client instanceof GovernedOpenAI) await client.budget.flush();
  await keyv?.disconnect();
  return { done: waits.length, failed, waits };
}

process.on('message', async (load: Load) => {
  process.send?.(await work(load));
  process.disconnect();
});
