/**
 * Scores the estimate of prompt tokens against what the API reported, over recordings of it: `pairs.jsonl` files, plain or
 * gzipped, of one row a line with `endpoint`, `model`, `request`, `usage`, `features` and `source`. Rows whose count hangs
 * on what their request does not hold, or that their recorder edited, are left out.
 *
 *     npm run score -- <folder or file>... [--halves] [--half fit|check] [--only <regexp>] [--worst 3]
 *
 * At the end, what each mode of `completion` would have reserved for the calls that set no bound on their output.
 *
 * `--halves` scores two halves of the sources side by side, so that rules fitted on one can be checked on the other;
 * `--only` keeps the groups whose `endpoint family feature` it matches; `--worst` shows so many rows of each group.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import Table from 'cli-table3';
import { Budget } from '../../src/index.ts';
import { completionModesTable, type UnboundedCall } from './completion-modes.ts';

interface Row {
  id: string;
  source: string;
  endpoint: string;
  model: string;
  request: Record<string, unknown>;
  usage: Record<string, unknown> | null;
  features: string[];
  unestimable?: string[];
  request_len_match?: boolean | null;
}

interface Score {
  row: Row;
  group: string;
  half: 'fit' | 'check';
  estimate: number;
  actual: number;
}

/** The first that a row has names it: each adds what those below it have, too. */
const FEATURES: readonly (readonly [name: string, marks: readonly string[]])[] = [
  ['audio', ['audio', 'audio_input']],
  ['vision', ['vision']],
  ['schema', ['json_schema']],
  ['tool history', ['tool_call_history', 'tool_result']],
  ['tools', ['tools', 'functions']],
  ['json_object', ['json_object']],
  ['token ids', ['token_ids']],
];

/** Models that count alike, as far as is known. */
const FAMILIES: readonly (readonly [name: string, models: RegExp])[] = [
  ['gpt-3.5', /gpt-3\.?5/],
  ['gpt-4.1', /gpt-4\.1/],
  ['gpt-4o-mini', /gpt-4o-mini/],
  ['gpt-4o', /gpt-4o/],
  ['gpt-4', /gpt-4/],
  ['gpt-5.x', /gpt-5\.\d/],
  ['gpt-5', /gpt-5/],
  ['o-series', /^o\d/],
  ['embedding', /embedding/],
  ['image', /dall-e|gpt-image/],
];

const BOUNDS = ['max_tokens', 'max_completion_tokens', 'max_output_tokens'];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    halves: { type: 'boolean', default: false },
    half: { type: 'string' },
    only: { type: 'string', default: '' },
    worst: { type: 'string', default: '3' },
  },
});

const files = positionals.flatMap(filesOf);
if (files.length === 0) {
  console.log('No recordings to score: give their folder, npm run score -- <folder>.');
  process.exit(0);
}

const budget = new Budget({ limits: [{ tokens: Number.MAX_SAFE_INTEGER, per: 'forever' }] });
const scores: Score[] = [];
for (const row of files.flatMap(rowsOf)) {
  const score = await scoreOf(row);
  if (score !== undefined) scores.push(score);
}
const chosen = scores.filter(
  ({ group, half }) =>
    new RegExp(options.only).test(group) && (options.half === undefined || options.half === half),
);

for (const half of options.halves ? (['fit', 'check'] as const) : [undefined]) {
  const part = chosen.filter((score) => half === undefined || score.half === half);
  console.log(`\n${half === undefined ? 'all sources' : `the half to ${half}`}: ${part.length} rows`);
  console.log(summary(part));
}
const worst = worstRows(chosen, Number(options.worst));
if (worst.length > 0) console.log(`\nworst rows\n${worstTable(worst)}`);
const unbounded = scores.flatMap(({ row }) => unboundedCallOf(row));
if (unbounded.length > 0) console.log(`\n${completionModesTable(unbounded)}`);

function unboundedCallOf({ endpoint, model, request, usage, source }: Row): UnboundedCall[] {
  const tokens = usage?.['completion_tokens'] ?? usage?.['output_tokens'];
  const bounded = BOUNDS.some((name) => request[name] != null);
  if (typeof tokens !== 'number' || bounded || !/^(chat\/completions|responses)$/.test(endpoint)) return [];
  const choices = Math.max(1, Number(request['n'] ?? 1));
  return [{ model, project: source.split(':')[0] ?? '', tokens: tokens / choices }];
}

function filesOf(path: string): string[] {
  if (!existsSync(path)) {
    console.log(`There is no ${path}.`);
    return [];
  }
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => /pairs.*\.jsonl(\.gz)?$/.test(name))
    .map((name) => join(path, name));
}

function rowsOf(file: string): Row[] {
  const bytes = readFileSync(file);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  const rows = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
  return rows.filter(
    ({ unestimable, request_len_match }) => (unestimable ?? []).length === 0 && request_len_match !== false,
  );
}

async function scoreOf(row: Row): Promise<Score | undefined> {
  const actual = row.usage?.['prompt_tokens'] ?? row.usage?.['input_tokens'];
  if (typeof actual !== 'number' || actual === 0) return undefined;
  const path = `/${row.endpoint.replace(/^\//, '')}`;
  const { promptTokens } = await budget.estimate(path, { model: row.model, ...row.request });
  const group = `${row.endpoint} | ${nameOf(FAMILIES, (models) => models.test(row.model)) ?? 'other'} | ${featureOf(row)}`;
  return { row, group, half: halfOf(row.source), estimate: promptTokens, actual };
}

function featureOf({ features }: Row): string {
  return nameOf(FEATURES, (marks) => marks.some((mark) => features.includes(mark))) ?? 'plain';
}

function nameOf<T>(list: readonly (readonly [string, T])[], fits: (value: T) => boolean): string | undefined {
  return list.find(([, value]) => fits(value))?.[0];
}

/** All rows of one recorded file are in the same half. */
function halfOf(source: string): 'fit' | 'check' {
  const file = source.replace(/#.*$/, '');
  return (createHash('sha256').update(file).digest()[0] ?? 0) % 2 === 0 ? 'fit' : 'check';
}

function summary(part: readonly Score[]): string {
  const table = new Table({
    head: ['endpoint | family | feature', 'rows', 'exact', 'median', 'p90', 'p99', 'under', 'under > 5 %'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const groups = Map.groupBy(part, ({ group }) => group);
  for (const name of [...groups.keys()].sort()) table.push([name, ...figures(groups.get(name) ?? [])]);
  const totals = Map.groupBy(
    part,
    ({ group }) => `${group.split(' | ')[0]} | all | ${group.split(' | ')[2]}`,
  );
  for (const name of [...totals.keys()].sort()) table.push([name, ...figures(totals.get(name) ?? [])]);
  table.push(['all', ...figures(part)]);
  return table.toString();
}

function figures(part: readonly Score[]): (string | number)[] {
  const errors = part.map(errorOf);
  const sizes = errors.map(Math.abs).sort((a, b) => a - b);
  const share = (fits: (error: number) => boolean) => percent(errors.filter(fits).length / part.length);
  return [
    part.length,
    share((error) => error === 0),
    ...[0.5, 0.9, 0.99].map((q) => percent(sizes[Math.ceil(q * sizes.length) - 1] ?? 0)),
    share((error) => error < 0),
    share((error) => error < -0.05),
  ];
}

/** Relative to what the API reported; below 0 where the estimate is too low. */
function errorOf({ estimate, actual }: Score): number {
  return (estimate - actual) / actual;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function worstRows(part: readonly Score[], count: number): Score[] {
  const wrong = part.filter((score) => errorOf(score) !== 0);
  const groups = [...Map.groupBy(wrong, ({ group }) => group).entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  return groups.flatMap(([, rows]) =>
    rows.toSorted((a, b) => Math.abs(errorOf(b)) - Math.abs(errorOf(a))).slice(0, count),
  );
}

function worstTable(rows: readonly Score[]): string {
  const table = new Table({
    head: ['group', 'row', 'estimate', 'actual', 'error'],
    style: { head: [], border: [], compact: true },
  });
  for (const score of rows) {
    const { row, group, estimate, actual } = score;
    table.push([group, `${row.id} ${row.model} ${row.source}`, estimate, actual, percent(errorOf(score))]);
  }
  return table.toString();
}
