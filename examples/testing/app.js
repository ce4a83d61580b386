/** The app that is tested here in three ways: it answers the questions of its users, each within a budget. */
import { QuotaExceeded } from 'governed-openai';

export const limits = [
  { tokens: 1_000, per: 'minute' },
  { cost: 5, per: 'month', name: 'spend' },
];

/** @param {import('governed-openai').GovernedOpenAI} openai */
export async function answer(openai, user, question) {
  try {
    const completion = await openai.withCaller({ key: user }).chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: question }],
      max_completion_tokens: 100,
    });
    return completion.choices[0].message.content;
  } catch (error) {
    if (!(error instanceof QuotaExceeded)) throw error;
    if (error.limit === 'spend') return `You have spent your ${error.max} dollars of this month.`;
    return `Please come back in ${Math.ceil(error.retryAfterMs / 1_000)} seconds.`;
  }
}
