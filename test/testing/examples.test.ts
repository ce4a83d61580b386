import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const MODULES = resolve(ROOT, 'node_modules');

/** Runs the tests of an example on the built package, as its comment says; what they printed. */
async function node(...args: string[]): Promise<string> {
  const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], NO_COLOR: '1' };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
  return stdout + stderr;
}

test('the example passes in Vitest', async () => {
  const vitest = resolve(MODULES, 'vitest/vitest.mjs');
  expect(await node(vitest, 'run', '--root', 'examples/testing', 'app.vitest')).toMatch(
    /Tests +4 passed \(4\)/,
  );
});

test('the example passes in Jest, without configuration', async () => {
  const jest = resolve(MODULES, 'jest/bin/jest.js');
  const output = await node('--experimental-vm-modules', jest, '--rootDir', 'examples/testing', 'app.jest');
  expect(output).toMatch(/Tests: +4 passed, 4 total/);
});

test("the example passes in Node's own runner", async () => {
  const output = await node('--test', '--test-reporter=tap', 'examples/testing/app.node.test.js');
  expect(output).toMatch(/# pass 4\n# fail 0/);
});
