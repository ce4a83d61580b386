import { finOpsPlans, wso2Plans } from 'governed-openai/plans';
import { describe, expect, test } from 'vitest';
import { Budget, GovernedOpenAI } from '../../src/index.ts';
import { ManualClock } from '../support/clock.ts';
import { chatCompletion, chatUsage, json, mockUpstream } from '../support/upstream.ts';

/** What remains of each limit of a plan, by unit and period. */
async function maxima(plan: string) {
  const budget = new Budget({ plans: { ...wso2Plans, ...finOpsPlans }, defaultPlan: plan });
  return (await budget.usage()).map(({ unit, max, limit }) => [unit, max, limit]);
}

describe('presets', () => {
  test.each<[plan: keyof typeof wso2Plans, requests: number, tokens: number]>([
    ['AIGold', 500, 50_000],
    ['AISilver', 100, 10_000],
    ['AIBronze', 10, 1_000],
  ])('%s', async (plan, requests, tokens) => {
    expect(await maxima(plan)).toEqual([
      ['requests', requests, 'quota of requests per minute'],
      ['tokens', tokens, 'quota of tokens per minute'],
    ]);
  });

  test.each<[plan: keyof typeof finOpsPlans, tokens: number, dollars: number]>([
    ['platinum', 2_000, 15],
    ['gold', 1_000, 10],
    ['silver', 500, 5],
  ])('%s', async (plan, tokens, dollars) => {
    expect(await maxima(plan)).toEqual([
      ['tokens', tokens, 'tokens per minute'],
      ['tokens', 1_000_000, 'tokens per month'],
      ['cost', dollars, 'cost per month'],
    ]);
  });

  test('hold for the calls under them: the eleventh request of a minute is refused', async () => {
    const clock = new ManualClock();
    const { fetch } = mockUpstream(json(chatCompletion(chatUsage(5, 4))));
    const openai = new GovernedOpenAI({
      apiKey: 'sk-test',
      fetch,
      maxRetries: 0,
      budget: { clock: clock.read, plans: wso2Plans, plan: 'AIBronze' },
    });
    const messages = [{ role: 'user' as const, content: 'Hi' }];
    const call = () => openai.chat.completions.create({ model: 'gpt-4o-mini', messages, max_tokens: 4 });
    for (let n = 0; n < 10; n++) await call();
    await expect(call()).rejects.toMatchObject({ plan: 'AIBronze', unit: 'requests', max: 10, status: 429 });
    clock.advance(60_000);
    await call();
  });
});
