import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const SRC = resolve(import.meta.dirname, '../src');

/** From the outside in: a file imports from its own layer or from those below it, never from above. */
const LAYERS: readonly (readonly string[])[] = [
  ['testing/', 'apim/', 'wso2/', 'plans/'],
  ['index.ts'],
  ['client.ts'],
  ['governor.ts'],
  ['governed-fetch.ts'],
  ['attempt.ts', 'changed-body.ts', 'retrieval.ts'],
  ['stream-limit.ts'],
  ['budget.ts'],
  ['accounts.ts', 'call-admissions.ts', 'background.ts'],
  ['admissions.ts', 'upstream/'],
  [
    'options.ts',
    'policy.ts',
    'explain.ts',
    'fit.ts',
    'ledger.ts',
    'settlements.ts',
    'reservation.ts',
    'standing.ts',
    'warnings.ts',
    'clock.ts',
    'deferred.ts',
  ],
  ['pacing.ts', 'pacing/', 'pacing-options.ts', 'policy-options.ts'],
  ['events.ts'],
  ['responses/'],
  ['calls/'],
  ['tokens/'],
  ['prices.ts'],
  ['stores/'],
  ['limits/'],
  ['import/'],
  ['checks.ts'],
  ['errors.ts'],
  ['guarded.ts', 'json.ts', 'safe-key.ts', 'usage.ts'],
];

function layerOf(file: string): number {
  return LAYERS.findIndex((names) =>
    names.some((name) => (name.endsWith('/') ? file.startsWith(name) : file === name)),
  );
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

test('every file has a layer', () => {
  expect(files.filter((file) => layerOf(file) === -1)).toEqual([]);
});

test('imports point down', () => {
  const upward: string[] = [];
  for (const file of files) {
    const text = readFileSync(join(SRC, file), 'utf8');
    for (const [, target] of text.matchAll(/from '(\.[^']+)'|import\('(\.[^']+)'\)/g)) {
      const imported = relative(SRC, resolve(SRC, dirname(file), target ?? ''));
      if (layerOf(imported) < layerOf(file)) upward.push(`${file} imports ${imported}`);
    }
  }
  expect(upward).toEqual([]);
});

test('files stay within 300 lines', () => {
  const long = files.filter((file) => readFileSync(join(SRC, file), 'utf8').split('\n').length > 301);
  expect(long).toEqual([]);
});

test('the source imports no module of Node', () => {
  const importing = files.filter((file) =>
    /from 'node:|import\('node:/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  expect(importing).toEqual([]);
});
