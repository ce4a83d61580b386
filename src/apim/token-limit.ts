import type { Attributes } from './attributes.ts';
import type { Draft } from './draft.ts';

/** Attributes of `azure-openai-token-limit` and `llm-token-limit`. */
export const TOKEN_LIMIT = [
  'counter-key',
  'tokens-per-minute',
  'token-quota',
  'token-quota-period',
  'estimate-prompt-tokens',
  'retry-after-header-name',
  'retry-after-variable-name',
  'remaining-quota-tokens-header-name',
  'remaining-quota-tokens-variable-name',
  'remaining-tokens-header-name',
  'remaining-tokens-variable-name',
  'tokens-consumed-header-name',
  'tokens-consumed-variable-name',
];

const PERIODS = { Hourly: 'hour', Daily: 'day', Weekly: 'week', Monthly: 'month', Yearly: 'year' } as const;

/** A rate, a quota, or both. Prompts are always estimated, also where the policy leaves that to the response. */
export function tokenLimit(attributes: Attributes): readonly Omit<Draft, 'place'>[] {
  attributes.oneOf('estimate-prompt-tokens', ['true', 'false']);
  const key = attributes.key('counter-key');
  const rate = attributes.number('tokens-per-minute', 1);
  const quota = attributes.number('token-quota', 1);
  const period = attributes.oneOf('token-quota-period', Object.keys(PERIODS) as (keyof typeof PERIODS)[]);
  if (quota !== undefined && period === undefined) throw attributes.missing('token-quota-period');
  if (quota === undefined && period !== undefined) throw attributes.missing('token-quota');
  if (rate === undefined && quota === undefined) throw attributes.missing('tokens-per-minute');
  const retryAfter = attributes.header('retry-after-header-name');
  const consumed = attributes.header('tokens-consumed-header-name');
  const drafts: Omit<Draft, 'place'>[] = [];
  if (rate !== undefined) {
    const remaining = attributes.header('remaining-tokens-header-name');
    const headers = { remaining, retryAfter, consumed };
    drafts.push({ unit: 'tokens', max: rate, per: 'minute', window: 'rolling', headers, key });
  }
  if (quota !== undefined && period !== undefined) {
    const remaining = attributes.header('remaining-quota-tokens-header-name');
    // Both count the same tokens: one of them tells how many.
    const headers = { remaining, retryAfter, consumed: rate === undefined ? consumed : undefined };
    drafts.push({ unit: 'tokens', max: quota, per: PERIODS[period], window: 'fixed', headers, key });
  }
  return drafts;
}
