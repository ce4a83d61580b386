import { Budget, type BudgetOptions, GovernedOpenAI } from '../../src/index.ts';
import { ManualClock } from '../support/clock.ts';
import { type Answer, chatCompletion, chatUsage, json, mockUpstream } from '../support/upstream.ts';

/** Ten prompt tokens as estimated and as reported, and as many completion tokens as are asked for. */
export const HELLO = {
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content: 'Hello there!' }],
  max_tokens: 10,
};

export function setUp(options: BudgetOptions, ...answers: Answer[]) {
  const clock = new ManualClock();
  const budget = new Budget({ clock: clock.read, ...options });
  const upstream = mockUpstream(
    ...(answers.length > 0 ? answers : [json(chatCompletion(chatUsage(10, 10)))]),
  );
  const openai = new GovernedOpenAI({ apiKey: 'sk-test', fetch: upstream.fetch, budget, maxRetries: 0 });
  return { clock, budget, openai, ...upstream };
}

/** The error that something ends in. */
export async function failure(call: PromiseLike<unknown>): Promise<Error> {
  const outcome = await Promise.resolve(call).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Error) return outcome;
  throw new Error('it did not fail');
}
