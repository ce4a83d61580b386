/**
 * Time per call with a mock `fetch`: `GovernedOpenAI` against `OpenAI`, measured in turns in the same run; then where
 * the time goes, and what importing costs. Prints medians and ratios; asserts nothing.
 *
 *     npm run bench
 */
import { execFileSync } from 'node:child_process';
import Table from 'cli-table3';
import { Budget, GovernedOpenAI } from 'governed-openai';
import OpenAI from 'openai';

const ROUNDS = 21;

const limits = [
  { tokens: 1e12, per: 'minute' },
  { requests: 1e12, per: 'day' },
  { cost: 1e6, per: 'month' },
] as const;

interface Scenario {
  name: string;
  /** Calls in each round: enough for several garbage collections, so that each client pays for its own garbage. */
  calls: number;
  answer: () => Response;
  call: (openai: OpenAI, i: number) => Promise<unknown>;
}

function jsonAnswer(body: unknown): () => Response {
  const text = JSON.stringify(body);
  return () => new Response(text, { headers: { 'content-type': 'application/json' } });
}

const completion = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'gpt-4o-mini',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'Hello! How can I help you today?' },
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 12, completion_tokens: 9, total_tokens: 21 },
};
const chunk = (content: string) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta: { content } }],
});
const events = Array.from({ length: 1_000 }, (_, i) => `data: ${JSON.stringify(chunk(` word${i}`))}\n\n`);
const usageEvent = `data: ${JSON.stringify({ ...chunk(''), choices: [], usage: completion.usage })}\n\n`;
const encoder = new TextEncoder();
const chunks = [...events, usageEvent, 'data: [DONE]\n\n'].map((text) => encoder.encode(text));
const prose =
  'The quick brown fox jumps over the lazy dog, while the accountant of the forest writes down what every jump has cost. ';
const longText = prose.repeat(160);
const embeddingText = JSON.stringify({
  object: 'list',
  data: Array.from({ length: 2_048 }, (_, index) => ({
    object: 'embedding',
    index,
    embedding: Buffer.alloc(1_536 * 4, index % 251).toString('base64'),
  })),
  model: 'text-embedding-3-small',
  usage: { prompt_tokens: 8_192, total_tokens: 8_192 },
});

const scenarios: Scenario[] = [
  {
    name: 'short chat',
    calls: 2_000,
    answer: jsonAnswer(completion),
    call: (openai, i) =>
      openai.chat.completions.create({
        model: 'gpt-4o-mini',
        messages: [{ role: 'user', content: `Hello! What is ${i} plus ${i}?` }],
        max_completion_tokens: 50,
      }),
  },
  {
    name: 'chat of 4,000 tokens, new text each call',
    calls: 200,
    answer: jsonAnswer(completion),
    call: (openai, i) =>
      openai.chat.completions.create({
        model: 'gpt-4o-mini',
        messages: [{ role: 'user', content: `${i} ${longText}` }],
        max_completion_tokens: 50,
      }),
  },
  {
    name: 'stream of 1,000 chunks',
    calls: 20,
    answer: () => {
      let next = 0;
      const body = new ReadableStream({
        pull(controller) {
          const bytes = chunks[next++];
          if (bytes) controller.enqueue(bytes);
          else controller.close();
        },
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
    call: async (openai) => {
      const stream = await openai.chat.completions.create({
        model: 'gpt-4o-mini',
        messages: [{ role: 'user', content: 'Count.' }],
        max_completion_tokens: 2_000,
        stream: true,
      });
      for await (const _ of stream);
    },
  },
  {
    name: `embeddings response of ${Math.round(embeddingText.length / 1e6)} MB`,
    calls: 4,
    answer: () => new Response(embeddingText, { headers: { 'content-type': 'application/json' } }),
    call: (openai) => openai.embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] }),
  },
];

async function timed(client: OpenAI, { calls, call }: Scenario): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < calls; i++) await call(client, i);
  return ((performance.now() - start) / calls) * 1_000;
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Bare and governed in turns, so that a machine that slows down slows both. */
async function compare(scenario: Scenario): Promise<(string | number)[]> {
  const fetch = async () => scenario.answer();
  const bare = new OpenAI({ apiKey: 'x', fetch });
  const governed = new GovernedOpenAI({ apiKey: 'x', fetch, budget: { limits } });
  await governed.budget.ready();
  const times = { bare: [] as number[], governed: [] as number[], ratio: [] as number[] };
  for (let round = -2; round < ROUNDS; round++) {
    // In turns who goes first: the second pays for garbage of the first.
    const first = round % 2 === 0 ? await timed(bare, scenario) : undefined;
    const b = await timed(governed, scenario);
    const a = first ?? (await timed(bare, scenario));
    if (round < 0) continue;
    times.bare.push(a);
    times.governed.push(b);
    times.ratio.push(b / a);
  }
  const [bareTime, governedTime] = [median(times.bare), median(times.governed)];
  return [
    scenario.name,
    bareTime.toFixed(1),
    governedTime.toFixed(1),
    (governedTime - bareTime).toFixed(1),
    median(times.ratio).toFixed(3),
  ];
}

/** Median time in microseconds of a step that a short call takes. */
async function step(name: string, run: () => unknown): Promise<[string, string]> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < 2_000; i++) await run();
    times.push(((performance.now() - start) / 2_000) * 1_000);
  }
  return [name, median(times).toFixed(2)];
}

function importCost(code: string): [milliseconds: number, megabytes: number] {
  const script = `
    gc(); const before = process.memoryUsage().rss; const start = performance.now();
    ${code}
    const ms = performance.now() - start; gc();
    console.log(JSON.stringify([ms, (process.memoryUsage().rss - before) / 2 ** 20]));`;
  const runs = Array.from({ length: 7 }, () => {
    const out = execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    return JSON.parse(out) as [number, number];
  });
  return [median(runs.map(([ms]) => ms)), median(runs.map(([, mb]) => mb))];
}

console.log(`Time per call, µs: medians of ${ROUNDS} rounds, memory store, three limits\n`);
const calls = new Table({
  style: { head: [], border: [] },
  head: ['', 'OpenAI', 'GovernedOpenAI', 'difference', 'ratio'],
});
for (const scenario of scenarios) calls.push(await compare(scenario));
console.log(calls.toString());

console.log('\nWhere the time of a short call goes, µs\n');
const budget = new Budget({ limits });
await budget.ready();
const body = {
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: 'Hello! What is 7 plus 7?' }],
  max_tokens: 50,
};
const usage = { requests: 1, promptTokens: 20, completionTokens: 50, cost: 0.0001 };
const steps = new Table({ style: { head: [], border: [] }, head: ['step', 'µs'] });
steps.push(await step('an await of nothing (the loop itself)', () => undefined));
steps.push(await step('estimate', () => budget.estimate('/chat/completions', body)));
steps.push(
  await step('reserve and settle, three limits', async () => (await budget.reserve({ usage })).settle(usage)),
);
console.log(steps.toString());

console.log('\nImporting, in fresh processes\n');
const imports = new Table({ style: { head: [], border: [] }, head: ['', 'ms', 'MB'] });
for (const [name, code] of [
  ["import 'openai'", "await import('openai');"],
  ["import 'governed-openai'", "await import('governed-openai');"],
  [
    "import 'governed-openai' and budget.ready()",
    "const { Budget } = await import('governed-openai'); await new Budget().ready();",
  ],
] as const) {
  const [ms, mb] = importCost(code);
  imports.push([name, ms.toFixed(0), mb.toFixed(1)]);
}
console.log(imports.toString());
