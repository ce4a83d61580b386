/**
 * Workers on one budget: forks four that call the API as fast as they can, draws what they share as it is spent, and
 * compares what each was charged with what the budget says. On a file of this machine, or on Redis with REDIS_URL; the
 * API is a mock in each worker.
 *
 *     npm run workers
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import KeyvRedis from '@keyv/redis';
import { MultiBar, Presets } from 'cli-progress';
import Table from 'cli-table3';
import {
  Budget,
  fileStore,
  GovernedOpenAI,
  type Limit,
  type LimitUsage,
  QuotaExceeded,
} from 'governed-openai';
import Keyv from 'keyv';

const WORKERS = 4;
/** Calls that a worker has under way at the same time. */
const CALLERS = 3;
const LIMITS: readonly Limit[] = [
  { tokens: 120_000, per: 'day' },
  { cost: 0.05, per: 'month' },
  { requests: 2_000, per: 'day' },
];

/** What a worker has done so far. */
interface Tally {
  admitted: number;
  denied: number;
  tokens: number;
  dollars: number;
}

const NOTHING: Tally = { admitted: 0, denied: 0, tokens: 0, dollars: 0 };

const [file, namespace] = process.argv.slice(2);
if (file === undefined || namespace === undefined) await main();
else await work(file, namespace);

/** All that workers need to have in common. */
function openBudget(file: string, namespace: string) {
  const url = process.env['REDIS_URL'];
  const keyv = new Keyv(url === undefined ? fileStore(file) : new KeyvRedis(url), { namespace });
  return { keyv, budget: new Budget({ store: keyv, key: 'team', limits: LIMITS }) };
}

/** One worker: a client like any other. */
async function work(file: string, namespace: string): Promise<void> {
  const { keyv, budget } = openBudget(file, namespace);
  const openai = new GovernedOpenAI({ apiKey: 'mock', fetch: mockApi, budget });
  const tally = { ...NOTHING };
  budget.on('admitted', () => {
    tally.admitted += 1;
  });
  budget.on('denied', () => {
    tally.denied += 1;
  });
  budget.on('settled', ({ usage }) => {
    tally.tokens += usage.tokens;
    tally.dollars += usage.cost;
    process.send?.(tally);
  });
  await Promise.all(Array.from({ length: CALLERS }, () => spend(openai)));
  await budget.flush();
  await keyv.disconnect();
  process.send?.(tally, () => process.disconnect());
}

/** Calls until even a short answer does not fit any more. */
async function spend(openai: GovernedOpenAI): Promise<void> {
  for (let longest = 200; longest >= 25; ) {
    try {
      await openai.chat.completions.create({
        model: 'gpt-4o-mini',
        messages: [{ role: 'user', content: 'Tell me something.' }],
        max_completion_tokens: longest,
      });
    } catch (error) {
      if (!(error instanceof QuotaExceeded)) throw error;
      longest /= 2;
    }
  }
}

/** Takes a moment, and answers with as many tokens as it likes, up to what it may. */
async function mockApi(_url: unknown, init?: RequestInit): Promise<Response> {
  const { max_completion_tokens } = JSON.parse(String(init?.body)) as { max_completion_tokens: number };
  await pause(10 + 20 * Math.random());
  const usage = { prompt_tokens: 11, completion_tokens: Math.ceil(max_completion_tokens * Math.random()) };
  const message = { role: 'assistant', content: 'Something.' };
  return Response.json({ choices: [{ index: 0, message, finish_reason: 'stop' }], usage });
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'governed-openai-'));
  const file = join(folder, 'budget.db');
  const namespace = `workers-${crypto.randomUUID()}`;
  const { keyv, budget } = openBudget(file, namespace);
  console.log(`${WORKERS} workers on ${process.env['REDIS_URL'] === undefined ? 'one file' : 'Redis'}\n`);
  const tallies = Array<Tally>(WORKERS).fill(NOTHING);
  const children = tallies.map((_, i) =>
    fork(import.meta.filename, [file, namespace]).on('message', (tally: Tally) => {
      tallies[i] = tally;
    }),
  );
  const ended = Promise.all(children.map(endOf));
  const draw = process.stdout.isTTY ? drawBars() : printLines();
  while (children.some(({ exitCode }) => exitCode === null)) {
    draw(await budget.usage(), tallies, false);
    await pause(50);
  }
  await ended;
  const limits = await budget.usage();
  draw(limits, tallies, true);
  conclude(limits, tallies);
  await budget.reset();
  await keyv.disconnect();
  rmSync(folder, { recursive: true });
}

/** What the workers were charged is what the budget says, and within its limits. */
function conclude(limits: readonly LimitUsage[], tallies: readonly Tally[]): void {
  const sum = (of: keyof Tally) => round(tallies.reduce((total, tally) => total + tally[of], 0));
  const table = new Table({
    head: ['worker', 'calls admitted', 'calls denied', 'tokens charged', 'dollars charged'],
    style: { head: [], border: [] },
  });
  for (const [i, tally] of tallies.entries())
    table.push([i, tally.admitted, tally.denied, tally.tokens, round(tally.dollars)]);
  table.push(['all', sum('admitted'), sum('denied'), sum('tokens'), sum('dollars')]);
  const [tokens, dollars, requests] = limits;
  table.push(['budget', requests?.used, '', tokens?.used, dollars?.used]);
  table.push(['its limit', requests?.max, '', tokens?.max, dollars?.max]);
  console.log(`\n${table}`);
  assert.deepEqual(
    [sum('admitted'), sum('tokens'), sum('dollars')],
    [requests?.used, tokens?.used, dollars?.used],
  );
  for (const { used, max } of limits) assert.ok(used <= max);
}

/** To the nanodollar: sums of doubles have noise behind that. */
function round(amount: number): number {
  return Number(amount.toFixed(9));
}

async function endOf(child: ChildProcess): Promise<void> {
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`a worker ended with code ${code}`);
}

/** Draws the budget as it is spent, what is reserved included; the last time, before it is left standing. */
type Draw = (limits: readonly LimitUsage[], tallies: readonly Tally[], last: boolean) => void;

/** A bar for each limit, and for each worker's part of the tokens. */
function drawBars(): Draw {
  const bars = new MultiBar(
    { format: '{name} {bar} {text}', hideCursor: true, stream: process.stdout },
    Presets.shades_classic,
  );
  const drawn = new Map<string, ReturnType<MultiBar['create']>>();
  const draw = (name: string, value: number, max: number, text: string) => {
    const bar = drawn.get(name) ?? bars.create(max, 0, { name: name.padEnd(16) });
    drawn.set(name, bar);
    bar.update(value, { text });
  };
  return (limits, tallies, last) => {
    for (const { limit, used, max } of limits) draw(limit, used, max, `${round(used)} of ${max}`);
    for (const [i, { tokens, admitted, denied }] of tallies.entries()) {
      draw(`worker ${i}`, tokens, limits[0]?.max ?? 0, `${admitted} calls admitted, ${denied} denied`);
    }
    if (last) bars.stop();
  };
}

/** Where it cannot be drawn over: a line at each tenth of the limit that is spent first. */
function printLines(): Draw {
  let printed = 0;
  return (limits) => {
    const tenths = Math.floor(Math.max(...limits.map(({ used, max }) => (10 * used) / max)));
    if (tenths <= printed) return;
    printed = tenths;
    console.log(limits.map(({ limit, used, max }) => `${limit}: ${round(used)} of ${max}`).join(', '));
  };
}
