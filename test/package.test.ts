import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const EXPORTS = [
  'Budget',
  'BudgetError',
  'BudgetOptionError',
  'BudgetStoreError',
  'GovernedAzureOpenAI',
  'GovernedOpenAI',
  'PlanDenied',
  'QuotaExceeded',
  'UngovernedEndpointError',
  'UnknownPriceError',
  'fileStore',
  'governFetch',
];

/** The packed package, unpacked into a project of its own beside links to its dependencies. */
let project: string;

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'governed-openai-'));
  const out = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const packed: unknown = JSON.parse(out);
  const [first] = (Array.isArray(packed) ? packed : Object.values(packed as object)) as {
    filename: string;
  }[];
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, 'governed-openai'), { recursive: true });
  const tarball = join(project, first?.filename ?? '');
  execFileSync('tar', ['-xzf', tarball, '-C', join(modules, 'governed-openai'), '--strip-components=1']);
  for (const name of [
    'openai',
    'keyv',
    'js-tiktoken',
    'eventemitter3',
    'leven',
    'temporal-polyfill',
    '@noble',
    '@pydantic',
    '@types',
  ]) {
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(project, 'package.json'), '{"private":true}');
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

function node(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8' });
}

describe('the packed package', () => {
  test('is imported as an ES module, and exports what it says', () => {
    const code = "console.log(JSON.stringify(Object.keys(await import('governed-openai')).sort()))";
    expect(JSON.parse(node('--input-type=module', '-e', code))).toEqual([...EXPORTS].sort());
  });

  test('is required by CommonJS as it is', () => {
    const code = `
      const { GovernedOpenAI, QuotaExceeded } = require('governed-openai');
      const OpenAI = require('openai');
      const fetch = async () => Response.json({ usage: { prompt_tokens: 8, completion_tokens: 4 } });
      const openai = new GovernedOpenAI({ apiKey: 'x', fetch, budget: { limits: [{ requests: 1, per: 'day' }] } });
      const call = () => openai.chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }] });
      call().then(call).catch((error) => console.log(error instanceof QuotaExceeded, error.status));`;
    expect(node('-e', code).trim()).toBe('true 429');
  });

  test.each(['node16', 'nodenext', 'bundler'])('compiles under moduleResolution %s', (moduleResolution) => {
    const file = join(project, `app-${moduleResolution}.mts`);
    writeFileSync(
      file,
      `import OpenAI from 'openai';
       import { type BudgetOptions, GovernedOpenAI, QuotaExceeded } from 'governed-openai';
       const budget: BudgetOptions = { limits: [{ tokens: 10, per: 'minute' }] };
       const openai: OpenAI = new GovernedOpenAI({ apiKey: 'x', budget });
       export const used = async (error: unknown) => error instanceof QuotaExceeded ? error.used : openai.baseURL;`,
    );
    const module = moduleResolution === 'bundler' ? 'preserve' : moduleResolution;
    const options = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'es2022', '--types', 'node'];
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    expect(node(tsc, ...options, '--module', module, '--moduleResolution', moduleResolution, file)).toBe('');
  });

  test('shows no internal method in its types', () => {
    const file = join(project, 'internal.mts');
    writeFileSync(file, `import { Budget } from 'governed-openai'; new Budget().admitCall;`);
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const options = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext'];
    expect(() => node(tsc, ...options, file)).toThrow();
  });
});
