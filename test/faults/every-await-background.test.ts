import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Budget, GovernedOpenAI } from '../../src/index.ts';
import { json, mockUpstream } from '../support/upstream.ts';
import { FAILURES, FaultyStore } from './faulty-store.ts';
import { drive, expectCounted, expectNothingUnhandled, LIMITS, unlessStoreFails } from './support.ts';

const CREATE = { model: 'gpt-4o', input: 'Think.', max_output_tokens: 100, background: true } as const;
const USAGE = { input_tokens: 20, output_tokens: 30, total_tokens: 50 };
const RESPONSE = { id: 'resp_1', object: 'response', background: true, model: 'gpt-4o', output: [{}] };

/** A response that one worker asks for, and another sees the usage of. Resolves to how many operations there were. */
async function run(failureOf: FaultyStore['failureOf'], onStoreError: 'reject' | 'allow'): Promise<number> {
  const store = new FaultyStore();
  store.failureOf = failureOf;
  const { fetch } = mockUpstream(
    json({ ...RESPONSE, status: 'queued', usage: null }),
    json({ ...RESPONSE, status: 'completed', usage: USAGE }),
  );
  const worker = () => {
    const budget = new Budget({ store, limits: LIMITS, onStoreError });
    return { budget, openai: new GovernedOpenAI({ apiKey: 'k', baseURL: 'http://mock/v1', fetch, budget }) };
  };
  const [a, b] = [worker(), worker()];
  const created = await drive(unlessStoreFails(a.openai.responses.create(CREATE)));
  await drive(a.budget.flush());
  // The second time there is nothing left to settle.
  for (let i = 0; i < 2 && created !== undefined; i++) {
    await drive(b.openai.responses.retrieve(created.id));
    await drive(b.budget.flush());
  }
  store.release();
  store.failureOf = () => undefined;
  while ((await drive(unlessStoreFails(b.budget.usage()))) === undefined)
    await vi.advanceTimersByTimeAsync(100);
  if (created === undefined) await expectCounted(b.budget, 0, 0);
  else await expectCounted(b.budget, USAGE.total_tokens, 1);
  return store.asked;
}

describe('A fault at every await of a background response', () => {
  expectNothingUnhandled();
  beforeEach(async () => {
    await new Budget().ready('gpt-4o');
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  describe.each(['reject', 'allow'] as const)("with onStoreError: '%s'", (onStoreError) => {
    test.each(FAILURES)('one operation fails %s: what is counted in the end is exact', async (failure) => {
      const operations = await run(() => undefined, onStoreError);
      expect(operations).toBeGreaterThan(5);
      for (let n = 0; n < operations; n++) await run((i) => (i === n ? failure : undefined), onStoreError);
    });
  });
});
