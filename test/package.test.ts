import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile, compileApp, entries, manifest, RESOLUTIONS, type Resolution } from './support/consumer.ts';

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
let modules: string;

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'governed-openai-'));
  modules = join(project, 'node_modules');
  const out = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const packed: unknown = JSON.parse(out);
  const [first] = (Array.isArray(packed) ? packed : Object.values(packed as object)) as {
    filename: string;
  }[];
  const tarball = join(project, first?.filename ?? '');
  mkdirSync(join(modules, manifest.name), { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', join(modules, manifest.name), '--strip-components=1']);
  const needed = { ...manifest.dependencies, ...manifest.peerDependencies, '@types/node': '' };
  for (const name of Object.keys(needed)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(project, 'package.json'), '{"private":true}');
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

function node(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8' });
}

/** What a source exports that is there at run time. */
async function namesOf(entry: string): Promise<string[]> {
  const source = join(ROOT, 'src', entry.slice(manifest.name.length), 'index.ts');
  const module: object = await import(/* @vite-ignore */ source);
  return Object.keys(module).sort();
}

describe.each(entries)('%s, packed', (entry) => {
  const names = `console.log(JSON.stringify(Object.keys(module).filter((name) => name !== 'module.exports').sort()))`;

  test('is imported as an ES module, and exports what its source does', async () => {
    const code = `const module = await import('${entry}'); ${names}`;
    const expected = await namesOf(entry);
    expect(expected).not.toEqual([]);
    expect(JSON.parse(node('--input-type=module', '-e', code))).toEqual(expected);
  });

  test('is required by CommonJS as it is', async () => {
    const code = `{ const module = require('${entry}'); ${names} }`;
    expect(JSON.parse(node('-e', code))).toEqual(await namesOf(entry));
  });
});

describe('the packed package', () => {
  test('exports what it says', async () => {
    expect(await namesOf(manifest.name)).toEqual([...EXPORTS].sort());
  });

  test('has every file that package.json names, and no sources', () => {
    const named = JSON.stringify(manifest.exports).match(/"\.\/[^"]+\.(js|ts|json)"/g) ?? [];
    const files = new Set(named.map((name): string => JSON.parse(name)));
    expect(files.size).toBe(1 + 4 * entries.length);
    expect([...files].filter((file) => !existsSync(join(modules, manifest.name, file)))).toEqual([]);
    expect(existsSync(join(modules, manifest.name, 'src'))).toBe(false);
  });

  test('works where it is required', () => {
    const code = `
      const { GovernedOpenAI, QuotaExceeded } = require('governed-openai');
      const fetch = async () => Response.json({ usage: { prompt_tokens: 8, completion_tokens: 4 } });
      const openai = new GovernedOpenAI({ apiKey: 'x', fetch, budget: { limits: [{ requests: 1, per: 'day' }] } });
      const call = () => openai.chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }] });
      call().then(call).catch((error) => console.log(
        error instanceof QuotaExceeded, error instanceof require('openai').RateLimitError, error.status,
      ));`;
    expect(node('-e', code).trim()).toBe('true true 429');
  });

  test('extends the copy of the SDK that the app has, imported or required', () => {
    const code = `
      const is = ({ GovernedOpenAI }, { OpenAI }) => GovernedOpenAI.prototype instanceof OpenAI;
      Promise.all([import('governed-openai'), import('openai')]).then((imported) =>
        console.log(is(...imported), is(require('governed-openai'), require('openai'))));`;
    expect(node('-e', code).trim()).toBe('true true');
  });
});

describe('types of the packed package', () => {
  test.each(Object.keys(RESOLUTIONS) as Resolution[])('under moduleResolution %s', (resolution) => {
    expect(compileApp(project, resolution)).toBe('');
  });

  test.each(['node16', 'nodenext'] as const)(
    'in a CommonJS module, under moduleResolution %s',
    (resolution) => {
      expect(compileApp(project, resolution, 'cts')).toBe('');
    },
  );

  test('shows no internal method', () => {
    const source = `import { Budget } from 'governed-openai'; new Budget().admitCall;`;
    expect(compile(project, 'nodenext', 'internal.mts', source)).toContain("'admitCall' does not exist");
  });
});

describe.each([
  ['publint', ['--strict']],
  ['attw', ['--profile', 'node16']],
])('%s finds nothing wrong with it', (program, args) => {
  test('as it is packed', () => {
    const tarball = join(project, `${manifest.name}-${manifest.version}.tgz`);
    const file = join(ROOT, 'node_modules/.bin', program);
    // Its exit code tells.
    execFileSync(process.execPath, [file, ...args, tarball], { cwd: project, stdio: 'pipe' });
  });
});
