import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Bundle, bundleWorker } from './build.ts';

let bundle: Bundle;
beforeAll(async () => {
  bundle = await bundleWorker('src', 'bundle');
});

describe('the bundle of a Worker', () => {
  test('imports nothing that is not in it', () => {
    expect(bundle.external).toEqual([]);
    for (const { text } of bundle.chunks) {
      expect(text).not.toMatch(/(?:from|import)\s*["']node:/);
      // What esbuild puts in the place of a `require` that it cannot resolve.
      expect(text).not.toContain('Dynamic require of');
    }
  });

  test('loads token tables and prices when they are needed', () => {
    const main = bundle.chunks.filter((chunk) => chunk.main);
    const packages = main.flatMap((chunk) => [...chunk.packages.keys()]);
    expect(packages).toContain('openai');
    expect(packages).not.toContain('js-tiktoken');
    expect(packages).not.toContain('@pydantic/genai-prices');
    const lazy = bundle.chunks.filter((chunk) => !chunk.main && chunk.packages.has('js-tiktoken'));
    expect(lazy).toHaveLength(6);
    for (const { packages } of lazy) expect([...packages.keys()]).toEqual(['js-tiktoken']);
    expect(bundle.chunks.filter((chunk) => chunk.packages.has('@pydantic/genai-prices'))).toHaveLength(1);
  });

  test('has no more than these packages, and no more of ours than 180 kB', () => {
    const sizes = new Map<string, number>();
    for (const { packages } of bundle.chunks.filter((chunk) => chunk.main)) {
      for (const [name, bytes] of packages) sizes.set(name, (sizes.get(name) ?? 0) + bytes);
    }
    const known = [
      '',
      '@noble/hashes',
      'bottleneck',
      'eventemitter3',
      'leven',
      'openai',
      'temporal-polyfill',
      'temporal-utils',
    ];
    expect([...sizes.keys()].sort()).toEqual(known);
    expect(sizes.get('')).toBeLessThan(180_000);
  });
});

describe('the bundle runs where there are only web globals', () => {
  let told: Record<string, unknown>;
  beforeAll(async () => {
    const args = ['--no-warnings', '--experimental-vm-modules', join(import.meta.dirname, 'bare.ts')];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    told = JSON.parse(stdout) as Record<string, unknown>;
  });
  const used = (key: string, tokens: number, requests: number) => [
    200,
    [
      expect.objectContaining({ unit: 'tokens', key, used: tokens }),
      expect.objectContaining({ unit: 'requests', key, used: requests }),
      expect.objectContaining({ unit: 'cost', key }),
    ],
  ];
  const answer = [200, expect.objectContaining({ object: 'chat.completion' })];

  test('a call is admitted and counted, and one too many is denied', () => {
    expect(told['chat']).toEqual([answer, used('ann', 13, 1)]);
    expect(told['again']).toEqual(answer);
    expect(told['denied']).toEqual([429, { error: expect.objectContaining({ code: 'insufficient_quota' }) }]);
  });

  test('a stream is passed on without the usage that it is charged by', () => {
    expect(told['stream']).toEqual([[200, ['', 'Hel', 'lo', '']], used('bob', 11, 1)]);
  });

  test('a governed fetch answers with the 429 of the API', () => {
    const denial = [429, { error: expect.objectContaining({ code: 'rate_limit_exceeded' }) }];
    expect(told['fetch']).toEqual([answer, used('eve', 13, 1), denial]);
    expect(told['sent']).toBe(4);
  });

  test('one token table and the prices are loaded, by the first call', () => {
    const names = (told['later'] as string[]).map((name) => name.replace(/-\w{8}\.js$/, ''));
    expect(names.sort()).toEqual(['dist', 'o200k_base']);
  });
});

test('without Node, a file store is refused with a typed error', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: "export { fileStore, BudgetOptionError } from './index.ts'",
      resolveDir: join(import.meta.dirname, '../../src'),
    },
    bundle: true,
    format: 'iife',
    globalName: 'governed',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['worker', 'browser'],
    write: false,
  });
  const globals = { TextDecoder, TextEncoder, Headers, Response, URL, crypto };
  const context = createContext(globals);
  runInContext(outputFiles[0]?.text ?? '', context);
  const refused = (setUp: string) =>
    runInContext(
      `${setUp}; (() => { try { governed.fileStore('budget.db'); } catch (error) {
        return [error instanceof governed.BudgetOptionError, error.message];
      } })()`,
      context,
    ) as [boolean, string];
  for (const process of [
    '',
    'process = {}',
    'process = { getBuiltinModule: () => undefined, version: "v20.0.0" }',
  ]) {
    const [typed, message] = refused(`globalThis.${process || 'nothing = 0'}`);
    expect(typed).toBe(true);
    expect(message).toMatch(/^fileStore: expected Node 22\.13 or later, which has node:sqlite, got /);
  }
});
