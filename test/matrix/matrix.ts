/**
 * Tries the package on the versions that it supports: `npm run test:matrix`. Needs the registry of npm, or its cache.
 *
 *   --only openai@6,node@22   the rows with all of these, or one made of them
 *   --full                    all tests, not only those which meet the SDK, Keyv and Node
 *   --keep                    leave the folders there
 *
 * Exit code 1 if anything failed.
 */
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { type Row, rowsOf } from './rows.ts';
import { compileAll, type Outcome, runSmoke, runTests } from './trials.ts';
import { versionIn, Workshop } from './workshop.ts';

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, full: { type: 'boolean' }, keep: { type: 'boolean' } },
});
const rows = rowsOf(options.only);

interface Result {
  readonly openai: string;
  readonly keyv: string;
  readonly runtime: string;
  readonly tests: Outcome | undefined;
  readonly imported: Outcome;
  readonly required: Outcome;
  readonly types: Outcome;
}

const workshop = new Workshop();
const started = performance.now();
const table = new Table({
  head: ['openai', 'keyv', 'runtime', 'tests passed', 'failed', 'skipped', 'import', 'require', 'types', 's'],
  style: { head: [], border: [] },
});
const failures: string[] = [];
try {
  for (const row of rows) {
    const since = performance.now();
    const name = `openai@${row.openai}, keyv@${row.keyv}, ${row.runtime}`;
    process.stderr.write(`${name} …\n`);
    try {
      const result = tryRow(row);
      const { tests, imported, required, types } = result;
      table.push([
        result.openai,
        result.keyv,
        result.runtime,
        tests?.passed ?? '',
        tests?.failed ?? '',
        tests?.skipped ?? '',
        ratio(imported),
        ratio(required),
        ratio(types),
        seconds(since),
      ]);
      for (const outcome of [tests, imported, required, types]) {
        for (const failure of outcome?.failures ?? []) failures.push(`${name}: ${failure}`);
      }
    } catch (error) {
      // One combination that cannot be installed or built must not hide the others.
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      table.push([row.openai, row.keyv, row.runtime, { content: 'not installed or not built', colSpan: 7 }]);
    }
  }
} finally {
  if (options.keep) console.log(`kept: ${workshop.folder}`);
  else workshop.remove();
}
console.log(table.toString());
console.log(`${rows.length} rows in ${seconds(started)} s`);
for (const failure of failures) console.log(`FAILED ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;

function tryRow(row: Row): Result {
  const runtime = workshop.runtime(row.runtime);
  const app = workshop.app(row);
  return {
    openai: versionIn(app, 'openai'),
    keyv: versionIn(app, 'keyv'),
    runtime: runtime.version,
    tests: row.packedOnly ? undefined : runTests(workshop.tree(row), runtime, options.full === true),
    imported: runSmoke(app, runtime, 'import.mjs'),
    required: runSmoke(app, runtime, 'require.cjs'),
    types: compileAll(app),
  };
}

/** Of the checks, those that passed. */
function ratio({ passed, failed }: Outcome): string {
  return `${passed}/${passed + failed}`;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1_000).toFixed(0);
}
