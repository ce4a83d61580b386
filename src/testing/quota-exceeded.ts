import { checkKey, fieldsOf, isFiniteNumber } from '../checks.ts';
import { BudgetOptionError, type QuotaExceeded } from '../errors.ts';
import { denies, standing } from '../limits/charge.ts';
import { denialOf } from '../limits/denial.ts';
import type { Limit } from '../limits/limit.ts';
import { limitsOf } from '../limits/limit-options.ts';
import { START } from './manual-clock.ts';

/** What a call was denied for. */
export interface DeniedCall {
  /** As in `budget.limits`. Default `{ tokens: 100_000, per: 'minute' }`. */
  readonly limit?: Limit | undefined;
  /** Of the limit, in its unit, by then; >= 0. Default: all of it. */
  readonly used?: number | undefined;
  /** What the call asked for, in the limit's unit; more than remained. Default: a tenth of the max. */
  readonly requested?: number | undefined;
  /** Default: the limit's, else 'default'. */
  readonly key?: string | undefined;
  readonly plan?: string | undefined;
  /** Default 'gpt-4o-mini'. */
  readonly model?: string | undefined;
  /** When it was denied, in Unix milliseconds. Default: noon of 17 June 2026, UTC. */
  readonly now?: number | undefined;
}

/**
 * The QuotaExceeded that a budget would throw, without one: message, body, headers and all fields follow from the limit
 * and the call. A rolling limit gives the reason 'rate', a fixed one 'quota', and a call of more than the max 'too_large'.
 *
 * ```ts
 * const busy = quotaExceeded({ limit: { tokens: 60_000, per: 'minute' }, requested: 5_000 }); // retryAfterMs: 5000
 * vi.spyOn(openai.chat.completions, 'create').mockRejectedValue(busy);
 * quotaExceeded({ limit: { cost: 25, per: 'month', name: 'spend' } }); // reason: 'quota'
 * ```
 *
 * @throws BudgetOptionError for wrong fields, and for a call that would fit
 */
export function quotaExceeded(call: DeniedCall = {}): QuotaExceeded {
  fieldsOf('quotaExceeded', call, ['limit', 'used', 'requested', 'key', 'plan', 'model', 'now']);
  const { plan, model = 'gpt-4o-mini', now = START } = call;
  const context = { option: 'quotaExceeded.limit', onExceeded: 'reject' } as const;
  const [limit] = limitsOf([call.limit ?? { tokens: 100_000, per: 'minute' }], context);
  if (limit === undefined) throw new BudgetOptionError('quotaExceeded.limit', 'a limit', call.limit);
  const own = typeof limit.key === 'string' ? limit.key : call.key;
  const key = checkKey('quotaExceeded.key', own ?? 'default');
  const tenth = limit.max / 10;
  const used = amount('used', call.used ?? limit.capacity);
  const requested = amount('requested', call.requested ?? (limit.unit === 'cost' ? tenth : Math.ceil(tenth)));
  const charge = { ...standing({ ...limit, onExceeded: 'reject' }, key, now), requested };
  const value = charge.bounds.floor + limit.window.toStore(used);
  if (!denies(charge, value, now)) {
    const expected = `more than the ${limit.capacity - used} that remain`;
    throw new BudgetOptionError('quotaExceeded.requested', expected, requested);
  }
  const denied = { endpoint: '', model, body: {}, caller: { plan } };
  return denialOf([charge], [value], denied, now, {}).error;
}

function amount(field: string, value: unknown): number {
  if (isFiniteNumber(value) && value >= 0) return value;
  throw new BudgetOptionError(`quotaExceeded.${field}`, 'a finite number >= 0', value);
}
