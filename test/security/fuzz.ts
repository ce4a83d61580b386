import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { PROPERTIES } from './properties.ts';

/**
 * `npm run fuzz -- [--runs N] [--seconds N] [--seed N]`: tries what `fuzz.test.ts` tries, for longer. Prints how often each
 * property was tried, on what, and from which seed; ends with code 1 if one does not hold.
 */

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    seconds: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
const whole = (name: string, text: string): number => {
  if (/^\d{1,15}$/.test(text) && Number(text) > 0) return Number(text);
  throw new TypeError(`--${name}: expected a whole number > 0, got ${JSON.stringify(text)}`);
};
const seed = whole('seed', values.seed) % 2 ** 31;
const seconds = values.seconds === undefined ? undefined : whole('seconds', values.seconds);
const properties = Object.entries(PROPERTIES);
const limits =
  seconds === undefined
    ? { numRuns: whole('runs', values.runs) }
    : {
        numRuns: Number.MAX_SAFE_INTEGER,
        interruptAfterTimeLimit: (seconds * 1_000) / properties.length,
        markInterruptAsFailure: false,
      };

/** What nobody catches would end the app. */
const stray: unknown[] = [];
process.on('uncaughtException', (error) => stray.push(error));
process.on('unhandledRejection', (error) => stray.push(error));

const table = new Table({
  head: ['property', 'runs', 'came upon'],
  colAligns: ['left', 'right', 'left'],
  style: { head: [], border: [] },
});
const failures: string[] = [];
for (const [title, check] of properties) {
  const met = new Map<string, number>();
  const note = (what: string) => void met.set(what, (met.get(what) ?? 0) + 1);
  const { runs, failure } = await check(note, { ...limits, seed });
  const counts = [...met].sort(([, a], [, b]) => b - a).map(([what, times]) => `${what}: ${times}`);
  table.push([title, runs, counts.join('\n')]);
  if (failure !== undefined) failures.push(`${title}\n${failure}`);
  for (const error of stray.splice(0)) {
    failures.push(`${title}: nobody caught ${error instanceof Error ? error.stack : String(error)}`);
  }
}
process.stdout.write(`${table.toString()}\nseed ${seed}\n`);
for (const failure of failures) process.stderr.write(`\n${failure}\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
