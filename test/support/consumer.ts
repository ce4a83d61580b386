import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** What package.json says, as far as it is used here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

export const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

/** What an app imports of the package: its name, and each subpath that is code, e.g. `governed-openai/testing`. */
export const entries = Object.keys(manifest.exports)
  .filter((path) => !path.endsWith('.json'))
  .map((path) => manifest.name + path.slice(1));

/** How TypeScript finds packages, and the `module` that goes with it. */
export const RESOLUTIONS = { node16: 'node16', nodenext: 'nodenext', bundler: 'preserve' } as const;
export type Resolution = keyof typeof RESOLUTIONS;

/** What an app does with the package, with types that are written down. */
const APP = `
  import Keyv from 'keyv';
  import OpenAI, { AzureOpenAI } from 'openai';
  import {
    type BudgetOptions, fileStore, GovernedAzureOpenAI, GovernedOpenAI, governFetch, QuotaExceeded,
  } from 'governed-openai';

  const budget: BudgetOptions = { limits: [{ tokens: 10, per: 'minute' }], store: new Keyv() };
  const governed = new GovernedOpenAI({ apiKey: 'x', budget });
  const openai: OpenAI = governed.withCaller({ key: 'user' });
  const azure: AzureOpenAI = new GovernedAzureOpenAI({ apiKey: 'x', endpoint: 'y', apiVersion: 'z', budget });
  export const clients = [openai, azure, new OpenAI({ fetch: governFetch(fetch, budget) })];
  export const file = new Keyv({ store: fileStore('budget.db') });
  export const used = (error: unknown) => (error instanceof QuotaExceeded ? error.used : undefined);
  export const text = async (): Promise<string | null | undefined> =>
    (await governed.chat.completions.create({ model: 'm', messages: [] })).choices[0]?.message.content;
  export const chunks = async (): Promise<AsyncIterable<OpenAI.ChatCompletionChunk>> =>
    governed.chat.completions.create({ model: 'm', messages: [], stream: true });`;

/** Every entry of the package, imported. */
const IMPORTS = entries.map((entry, i) => `export * as entry${i} from '${entry}';`).join('\n');

/**
 * Compiles an app in a folder that has the package, the SDK, keyv and @types/node installed. The types of packages are
 * checked too.
 *
 * @returns what the compiler says; empty if it is content
 */
export function compileApp(folder: string, resolution: Resolution, kind: 'mts' | 'cts' = 'mts'): string {
  return compile(folder, resolution, `app-${resolution}.${kind}`, `${APP}\n${IMPORTS}\n`);
}

/** Compiles a source of its own, likewise. */
export function compile(folder: string, resolution: Resolution, name: string, source: string): string {
  const file = join(folder, name);
  writeFileSync(file, source);
  const options = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noEmit',
    '--target',
    'es2022',
    '--types',
    'node',
  ];
  const module = ['--module', RESOLUTIONS[resolution], '--moduleResolution', resolution];
  try {
    return execFileSync(process.execPath, [TSC, ...options, ...module, file], {
      cwd: folder,
      encoding: 'utf8',
    });
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && error.stdout) return String(error.stdout);
    throw error;
  }
}
