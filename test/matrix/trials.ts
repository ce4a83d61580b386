import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { compileApp, entries, RESOLUTIONS, type Resolution } from '../support/consumer.ts';
import type { Runtime } from './workshop.ts';

/** What came of a trial. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed, and why, a line each. */
  readonly failures: readonly string[];
}

/** The tests that meet the SDK, Keyv, or what Node brings. */
const SELECTION = [
  'test/accounting',
  'test/background',
  'test/budget',
  'test/client',
  'test/drop-in',
  'test/entrances',
  'test/explain',
  'test/fit',
  'test/governed-fetch',
  'test/options',
  'test/requests',
  'test/responses',
  'test/stores',
  'test/stream-limit',
  'test/testing',
  'test/types',
];

/** As much of Vitest's report as is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Runs the tests of a tree: those that matter here, or all. */
export function runTests(tree: string, { program }: Runtime, full: boolean): Outcome {
  const report = join(tree, 'report.json');
  const vitest = join(tree, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', '--reporter=json', `--outputFile=${report}`, ...(full ? [] : SELECTION)];
  const ended = run(program, args, tree);
  if (!existsSync(report)) return failure(`vitest: ${lastLines(ended.stderr)}`);
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  ) as Report;
  const failures = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = name.slice(tree.length + 1);
    const failed = assertionResults.filter((test) => test.status === 'failed');
    if (status === 'failed' && failed.length === 0) return [`${file}: ${firstLine(message)}`];
    return failed.map((test) => `${file}: ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
  });
  // Such as a rejection that no test waited for.
  if (ended.status !== 0 && failures.length === 0) failures.push(`vitest: ${lastLines(ended.stderr)}`);
  return {
    passed: numPassedTests,
    failed: Math.max(numFailedTests, failures.length),
    skipped: numPendingTests,
    failures,
  };
}

/** Runs a smoke program of an app. */
export function runSmoke(app: string, { program, args }: Runtime, file: string): Outcome {
  const { stdout, stderr } = run(program, [...args, file, ...entries], app);
  const line = stdout.trim().split('\n').at(-1) ?? '';
  if (!line.startsWith('{')) return failure(`${file}: ${lastLines(stderr || stdout)}`);
  const { passed, failures } = JSON.parse(line) as {
    passed: number;
    failures: { check: string; error: string }[];
  };
  const lines = failures.map(
    ({ check, error }) => `${file}: ${check}: ${error.replaceAll('\n', ' ').slice(0, 300)}`,
  );
  return { passed, failed: lines.length, skipped: 0, failures: lines };
}

/** Compiles an app in every way that TypeScript finds packages. */
export function compileAll(app: string): Outcome {
  const resolutions = Object.keys(RESOLUTIONS) as Resolution[];
  const failures = resolutions.flatMap((resolution) => {
    const said = compileApp(app, resolution);
    return said === '' ? [] : [`types, ${resolution}: ${firstLine(said)}`];
  });
  return { passed: resolutions.length - failures.length, failed: failures.length, skipped: 0, failures };
}

/** At most ten minutes long. What tests start by the name `node` is the same runtime. */
function run(program: string, args: readonly string[], cwd: string) {
  const PATH = [dirname(program), process.env['PATH']].join(delimiter);
  const env = { ...process.env, PATH, NO_COLOR: '1' };
  return spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: 600_000, maxBuffer: 2 ** 28 });
}

function failure(text: string): Outcome {
  return { passed: 0, failed: 1, skipped: 0, failures: [text] };
}

function firstLine(text = ''): string {
  return (text.trim().split('\n')[0] ?? '').slice(0, 300);
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join(' | ').slice(-600);
}
