import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { LLMock } from '@copilotkit/aimock';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');

/** Runs a program on the built package, as a user would; what it printed. */
async function node(args: string[], env: Record<string, string> = {}): Promise<string> {
  const { OPENAI_API_KEY: _key, REDIS_URL: _url, ...rest } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: ROOT,
    env: { ...rest, NO_COLOR: '1', ...env },
  });
  return stdout;
}

test('the demo shows each call and ends in a QuotaExceeded', async () => {
  const output = await node(['examples/demo.ts']);
  for (const call of ['chat', 'streamed chat', 'embeddings', 'image']) expect(output).toContain(`│ ${call} `);
  expect(output).toContain(
    'QuotaExceeded: 429 Rate limit reached for gpt-4o-mini in team-search on tokens per min (TPM)',
  );
  expect(output).toContain("'x-ratelimit-remaining-tokens'");
});

test('workers on one file spend a budget together, and not more', async () => {
  const output = await node(['examples/workers.ts']);
  expect(output).toMatch(/cost per month: 0\.04\d+ of 0\.05/);
  expect(output).toMatch(/│ its limit/);
});

test('the first example of the README runs as it stands', async () => {
  const readme = readFileSync(resolve(ROOT, 'README.md'), 'utf8');
  const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const mock = new LLMock({ port: 0 });
  mock.onMessage('Hello!', { content: 'Hello from the mock.' });
  await mock.start();
  try {
    const env = { OPENAI_API_KEY: 'mock', OPENAI_BASE_URL: `${mock.url}/v1` };
    expect(await node(['--input-type=module-typescript', '-e', code], env)).toBe('Hello from the mock.\n');
  } finally {
    await mock.stop();
  }
});
