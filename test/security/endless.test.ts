import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { OUTPUT, PROMPT } from './support.ts';

const CHILD = join(import.meta.dirname, 'endless-stream.ts');
const MB = 2 ** 20;

interface Told {
  readonly sent: number;
  readonly shown: number;
  readonly heldMegabytes: number;
  readonly sources: readonly string[];
  readonly used: number;
}

async function read(name: string, megabytes: number): Promise<Told> {
  const args = ['--expose-gc', '--max-old-space-size=256', CHILD, name, String(megabytes)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Told;
}

/**
 * What is held of an event or answer until it is whole: up to 32 or 64 MB, in a buffer that grows by being copied to one
 * twice as large. Of all other streams, next to nothing is.
 */
const EVENT = 100;
const ANSWER = 200;
const LITTLE = 6;

test.concurrent.each([
  ['a line without end', 1_024, EVENT],
  ['a line of no event without end', 64, EVENT],
  ['an event of lines without end', 64, EVENT],
  ['brackets without end', 64, EVENT],
  ['bytes that are no UTF-8', 64, EVENT],
  ['a JSON answer', 256, ANSWER],
  ['empty events', 16, LITTLE],
  ['blank lines', 16, LITTLE],
  ['comments', 16, LITTLE],
  ['usage that is hidden', 16, LITTLE],
  ['output', 16, LITTLE],
  ['output in ever new slots', 16, LITTLE],
])('%s, %d MB of it: no more than %d MB are held', async (name, megabytes, most) => {
  const { sent, shown, heldMegabytes, sources, used } = await read(name, megabytes);
  expect(sent).toBeGreaterThanOrEqual(megabytes * MB);
  expect(heldMegabytes).toBeLessThan(most);
  expect(sources).toHaveLength(1);
  if (name === 'usage that is hidden') expect([shown, used]).toEqual([0, 2]);
  else expect(shown).toBeGreaterThanOrEqual(sent);
  // What was too large to be read may have been output: then the estimate stands at least.
  if (most !== LITTLE) expect(used).toBe(PROMPT + OUTPUT);
});
