import type { Budget, ReserveRequest } from '../budget.ts';
import { fieldsOf } from '../checks.ts';
import { BudgetError, BudgetOptionError, QuotaExceeded } from '../errors.ts';
import type { Reservation } from '../reservation.ts';
import { UNITS, type Unit } from '../usage.ts';

/** What is used up, and for which calls. */
export interface ExhaustOptions {
  /** Names of the limits to use up. Default: in each unit, the one with least remaining. */
  readonly limits?: readonly string[] | undefined;
  /** Model and endpoint of the calls that are to be denied. Default: chat completions of no model in particular. */
  readonly model?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly plan?: string | undefined;
}

/** What `exhaust()` took. */
export interface Exhausted {
  /**
   * Gives it back, and resolves when it is in the store.
   *
   * @throws BudgetError if it was more than a reservation can hold, see `exhaust()`
   */
  release(): Promise<void>;
}

/**
 * Uses up what remains of a key's limits, so that the next call is denied, until its windows end or it is released. Works
 * on shared stores, too. What it takes it reserves: the budget emits what it does then, `denied` where several limits of
 * a unit are tried.
 *
 * Of several limits in one unit, the one with least remaining is used up: no more can be reserved. Name another, say the
 * month's, and the tighter ones in its unit are overdrawn: that cannot be released, only forgotten by `budget.reset()`.
 * A limit that counts for another key, say the team's, is used up for all of them. Limits for some models or endpoints
 * are used up if `model` and `endpoint` match; those with `onExceeded: 'allow'` let calls pass as ever. A rolling limit
 * refills as time goes by, and may hold part of a unit: give the budget a `manualClock()`.
 *
 * ```ts
 * const exhausted = await exhaust(openai.budget, 'user-42');
 * await expect(answer(openai.withCaller({ key: 'user-42' }), 'Hi')).rejects.toThrow(QuotaExceeded);
 * await exhausted.release();
 * ```
 *
 * @param key counter key. Default: the budget's
 * @throws BudgetOptionError if none of its limits, or not one that is named, holds for such calls
 */
export async function exhaust(
  budget: Budget,
  key?: string,
  options: ExhaustOptions = {},
): Promise<Exhausted> {
  fieldsOf('exhaust', options, ['limits', 'model', 'endpoint', 'plan']);
  const { limits: names, model = '', endpoint = '/chat/completions', plan } = options;
  const { limits } = await budget.explain(endpoint, { model }, { key, plan });
  const applying = limits.map(({ limit }) => limit);
  const missing =
    names?.find((name) => !applying.includes(name)) ?? (applying.length === 0 ? 'none' : undefined);
  if (missing !== undefined) {
    const expected = `limits that hold for ${endpoint} of model '${model}' (${applying.join(', ') || 'there is none'})`;
    throw new BudgetOptionError('exhaust.limits', expected, missing);
  }
  const held: Reservation[] = [];
  let overdrawn = false;
  for (const unit of UNITS) {
    const ofUnit = limits.filter((limit) => limit.unit === unit && (names?.includes(limit.limit) ?? true));
    const amounts = ofUnit.map(({ remaining }) => remaining).filter((amount) => amount > 0);
    // From the most on: a smaller one may be that of a limit which lets calls pass.
    amounts.sort((a, b) => b - a);
    const [most] = amounts;
    if (most === undefined) continue;
    const purpose = { key, model, endpoint, plan };
    const reservation = await largest(budget, purpose, unit, names === undefined ? amounts : [most]);
    if (reservation !== undefined) held.push(reservation);
    else if (names !== undefined) {
      (await budget.reserve({ ...purpose, usage: {} })).settle({ [unit]: most });
      overdrawn = true;
    }
  }
  await budget.flush();
  return {
    async release() {
      if (overdrawn)
        throw new BudgetError('exhaust() overdrew a limit: budget.reset(key) forgets what was used');
      for (const reservation of held) reservation.refund();
      await budget.flush();
    },
  };
}

/** Reserves the first of the amounts that fits. */
async function largest(
  budget: Budget,
  purpose: Omit<ReserveRequest, 'usage'>,
  unit: Unit,
  amounts: readonly number[],
): Promise<Reservation | undefined> {
  // What remains of a rolling limit in dollars is known to a millionth.
  const tried = unit === 'cost' ? amounts.flatMap((dollars) => [dollars, dollars - 1e-6]) : amounts;
  for (const amount of tried) {
    try {
      return await budget.reserve({ ...purpose, usage: { [unit]: Math.max(0, amount) }, wait: false });
    } catch (error) {
      if (!(error instanceof QuotaExceeded)) throw error;
    }
  }
  return undefined;
}
