/**
 * What it costs that calls may wait, when none has to: time per call with a mock `fetch`, memory store and three limits.
 * Measured in turns in the same run, each against limits that reject. Beside it a bare `schedule()` of Bottleneck, which
 * an app that limits itself pays for each call. Prints medians and ratios; asserts nothing.
 *
 *     node test/bench/waiting.ts
 */
import Bottleneck from 'bottleneck';
import Table from 'cli-table3';
import OpenAI from 'openai';
import { Budget, type BudgetOptions, GovernedOpenAI } from '../../src/index.ts';

const ROUNDS = 41;

const limits = [
  { tokens: 1e12, per: 'minute' },
  { requests: 1e12, per: 'day' },
  { cost: 1e6, per: 'month' },
] as const;

const completion = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'gpt-4o-mini',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello!' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 12, completion_tokens: 9, total_tokens: 21 },
});
const fetch = async () => new Response(completion, { headers: { 'content-type': 'application/json' } });

/** Something to be done again and again, so many times in a round. */
interface Contender {
  readonly name: string;
  readonly times: number;
  readonly run: () => Promise<unknown>;
}

async function chatWith(name: string, options: BudgetOptions | undefined): Promise<Contender> {
  const openai =
    options === undefined
      ? new OpenAI({ apiKey: 'x', fetch })
      : new GovernedOpenAI({ apiKey: 'x', fetch, budget: { limits, ...options } });
  if (openai instanceof GovernedOpenAI) await openai.budget.ready();
  const body = {
    model: 'gpt-4o-mini',
    messages: [{ role: 'user' as const, content: 'Hello! What is 7 plus 7?' }],
    max_completion_tokens: 50,
  };
  return { name, times: 1_000, run: () => openai.chat.completions.create(body) };
}

function reserveWith(name: string, options: BudgetOptions): Contender {
  const budget = new Budget({ limits, ...options });
  const usage = { requests: 1, promptTokens: 10, cost: 0.0001 };
  return { name, times: 5_000, run: async () => (await budget.reserve({ usage })).settle(usage) };
}

function bareBottleneck(): Contender {
  const limiter = new Bottleneck({ maxConcurrent: 1_000 });
  return {
    name: 'Bottleneck, schedule()',
    times: 20,
    run: () => limiter.schedule(() => Promise.resolve()),
  };
}

/** Microseconds of each, round by round, in turns, each round beginning with another. */
async function measure(contenders: readonly Contender[]): Promise<number[][]> {
  const times: number[][] = contenders.map(() => []);
  for (let round = -3; round < ROUNDS; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const i = (turn + round + contenders.length * 3) % contenders.length;
      const contender = contenders[i];
      if (contender === undefined) continue;
      const start = performance.now();
      for (let n = 0; n < contender.times; n++) await contender.run();
      if (round >= 0) times[i]?.push(((performance.now() - start) / contender.times) * 1_000);
    }
  }
  return times;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** @param base whose time the ratios are to, round by round */
async function print(title: string, contenders: readonly Contender[], base: number): Promise<void> {
  const times = await measure(contenders);
  const table = new Table({ style: { head: [], border: [] }, head: [title, 'µs', 'ratio'] });
  for (const [i, { name }] of contenders.entries()) {
    const ratios = (times[i] ?? []).map((time, round) => time / (times[base]?.[round] ?? Number.NaN));
    table.push([name, median(times[i] ?? []).toFixed(1), median(ratios).toFixed(3)]);
  }
  console.log(`${table.toString()}\n`);
}

await print(
  'short chat',
  [
    await chatWith('OpenAI', undefined),
    await chatWith("onExceeded: 'reject'", {}),
    await chatWith("onExceeded: 'wait'", { onExceeded: 'wait' }),
    await chatWith("onExceeded: 'wait', maxConcurrent", { onExceeded: 'wait', maxConcurrent: 1_000 }),
    bareBottleneck(),
  ],
  1,
);
await print(
  'reserve() and settle()',
  [
    reserveWith("onExceeded: 'reject'", {}),
    reserveWith("onExceeded: 'wait'", { onExceeded: 'wait' }),
    reserveWith("onExceeded: 'wait', maxConcurrent", { onExceeded: 'wait', maxConcurrent: 1_000 }),
  ],
  0,
);
