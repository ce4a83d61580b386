import type { BudgetOptions, Limit, Usage } from '../../src/index.ts';

/** What the limits of these tests count, in whole numbers: one nanodollar is the least there is. */
export interface Amounts {
  readonly requests: number;
  readonly tokens: number;
  readonly nanodollars: number;
}

export const MODEL = 'gpt-4o-mini';
/** Nanodollars a token, at 0.15 and 0.6 dollars a million. */
const PROMPT_PRICE = 150;
const COMPLETION_PRICE = 600;

export function amounts(requests: number, promptTokens: number, completionTokens: number): Amounts {
  const nanodollars = promptTokens * PROMPT_PRICE + completionTokens * COMPLETION_PRICE;
  return { requests, tokens: promptTokens + completionTokens, nanodollars };
}

export function amountsOf({ requests, tokens, cost }: Usage): Amounts {
  return { requests, tokens, nanodollars: Math.round(cost * 1e9) };
}

/** A limit as both the budget under test and the model that checks it are told of it. */
export interface TestLimit {
  readonly name: string;
  readonly unit: keyof Amounts;
  readonly max: number;
  readonly per: 'minute' | 'day' | 'month' | { readonly seconds: number };
  readonly window: 'rolling' | 'fixed';
  /** Counts for this key; undefined: for the caller's. */
  readonly key?: string;
}

/** The window of a fixed limit that holds a moment, in UTC; `end` is exclusive. */
export function windowAt(limit: TestLimit, now: number): { readonly start: number; readonly end: number } {
  if (limit.per === 'month') {
    const date = new Date(now);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
    return { start: Date.UTC(year, month), end: Date.UTC(year, month + 1) };
  }
  const length = periodOf(limit);
  const start = Math.floor(now / length) * length;
  return { start, end: start + length };
}

/** Milliseconds. */
export function periodOf({ per }: TestLimit): number {
  if (typeof per === 'object') return per.seconds * 1_000;
  return { minute: 60_000, day: 86_400_000, month: 30 * 86_400_000 }[per];
}

/** Longer than any machine takes: what is slow is no failure here. */
const PATIENCE = 120_000;

export function budgetOptions(store: BudgetOptions['store'], limits: readonly TestLimit[]): BudgetOptions {
  return {
    store,
    storeTimeout: PATIENCE,
    prices: { [MODEL]: { input: PROMPT_PRICE / 1_000, output: COMPLETION_PRICE / 1_000 } },
    limits: limits.map(({ unit, max, ...rest }): Limit => {
      if (unit === 'requests') return { ...rest, requests: max };
      return unit === 'tokens' ? { ...rest, tokens: max } : { ...rest, cost: max / 1e9 };
    }),
  };
}
