/**
 * Time to count the tokens of a chat, against the tokenizers of others in the same run: what a new prompt costs, and one
 * whose earlier messages were counted before; texts that are hard to split; and what loading costs. Prints medians and
 * ratios; asserts nothing.
 *
 *     npm run bench:tokens
 */
import { execFileSync } from 'node:child_process';
import Table from 'cli-table3';
import { Budget } from 'governed-openai';

const ROUNDS = 15;
const LIBRARIES = ['governed-openai', 'js-tiktoken', 'gpt-tokenizer', 'tiktoken'] as const;
type Library = (typeof LIBRARIES)[number];
type Message = { readonly role: string; readonly content: string };

/** Counts the tokens of a chat's messages; ours counts their framing too. */
async function counterOf(
  library: Library,
): Promise<(messages: readonly Message[]) => number | Promise<number>> {
  if (library === 'governed-openai') {
    const budget = new Budget();
    await budget.ready('gpt-4o');
    return async (messages) =>
      (await budget.estimate('/chat/completions', { model: 'gpt-4o', messages, max_tokens: 1 })).promptTokens;
  }
  const encode = await encoderOf(library);
  return (messages) => messages.reduce((sum, { content }) => sum + encode(content).length, 0);
}

async function encoderOf(library: Exclude<Library, 'governed-openai'>) {
  if (library === 'gpt-tokenizer') return (await import('gpt-tokenizer/encoding/o200k_base')).encode;
  const { getEncoding } = library === 'tiktoken' ? await loadTiktoken() : await import('js-tiktoken');
  const encoding = getEncoding('o200k_base');
  return (text: string) => encoding.encode(text);
}

async function loadTiktoken() {
  const { get_encoding } = await import('tiktoken');
  return { getEncoding: get_encoding };
}

/** In a process of its own: loads a library, counts once, and prints what that took. */
const [measured] = process.argv.slice(2);
if (isLibrary(measured)) {
  const before = performance.now();
  const count = await counterOf(measured);
  await count([{ role: 'user', content: 'Hello!' }]);
  console.log(JSON.stringify({ ms: performance.now() - before, mb: process.memoryUsage().rss / 2 ** 20 }));
} else {
  await compare();
}

async function compare(): Promise<void> {
  const counters = await Promise.all(
    LIBRARIES.map(async (library) => ({ library, count: await counterOf(library) })),
  );
  let texts = 0;
  const prose = (words: number) =>
    Array.from(
      { length: words },
      (_, i) => `${['budget', 'worker', 'token', 'limit'][i % 4]} ${texts++}`,
    ).join(' ');
  const chat = () => Array.from({ length: 20 }, () => ({ role: 'user', content: prose(75) }));
  const history = chat();
  const scenarios: readonly [name: string, make: () => Message[]][] = [
    ['chat of 4,000 tokens, all new', chat],
    ['the same, all but the last message seen before', () => [...history.slice(1), ...chat().slice(0, 1)]],
    ['short chat', () => [{ role: 'user', content: `Hello, number ${texts++}!` }]],
    [
      '1,000 letters without a separator',
      () => [{ role: 'user', content: `${texts++}${'a'.repeat(1_000)}` }],
    ],
    ['500 Chinese characters', () => [{ role: 'user', content: '预算共享令牌限制'.repeat(63) + texts++ }]],
  ];
  const table = new Table({
    head: ['µs a chat', ...LIBRARIES, 'ratio to the fastest other'],
    style: { head: [], border: [] },
  });
  for (const [name, make] of scenarios) {
    const times = new Map<Library, number[]>(LIBRARIES.map((library) => [library, []]));
    for (let round = 0; round < ROUNDS; round++) {
      const messages = Array.from({ length: 5 }, make);
      for (const { library, count } of round % 2 === 0 ? counters : counters.toReversed()) {
        const start = performance.now();
        for (const chat of messages) await count(chat);
        times.get(library)?.push(((performance.now() - start) / messages.length) * 1_000);
      }
    }
    const medians = LIBRARIES.map((library) => median(times.get(library) ?? []));
    const [own = 0, ...others] = medians;
    table.push([name, ...medians.map((time) => time.toFixed(0)), (own / Math.min(...others)).toFixed(2)]);
  }
  console.log(String(table));
  const loads = new Table({ head: ['load, and count once', 'ms', 'MB'], style: { head: [], border: [] } });
  for (const library of LIBRARIES) {
    const runs = Array.from({ length: 5 }, () => load(library));
    loads.push([
      library,
      median(runs.map(({ ms }) => ms)).toFixed(0),
      median(runs.map(({ mb }) => mb)).toFixed(0),
    ]);
  }
  console.log(String(loads));
}

function load(library: Library): { ms: number; mb: number } {
  const output = execFileSync(process.execPath, [import.meta.filename, library], { encoding: 'utf8' });
  return JSON.parse(output) as { ms: number; mb: number };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function isLibrary(name: string | undefined): name is Library {
  return LIBRARIES.some((library) => library === name);
}
