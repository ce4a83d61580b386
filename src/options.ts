import type { CompletionMode } from './calls/estimate.ts';
import { fieldsOf, flag, functionOf, isFiniteNumber, oneOf, positive } from './checks.ts';
import { BudgetOptionError } from './errors.ts';
import { BUDGET_HEADERS, type BudgetHeaders } from './limits/headers.ts';
import { headersOf } from './limits/limit-options.ts';
import { PACING_OPTIONS, type PacingOptions, type ResolvedPacing, resolvePacing } from './pacing-options.ts';
import { POLICY_OPTIONS, type PolicyOptions, type ResolvedPolicy, resolvePolicy } from './policy-options.ts';
import { PRICE_PARTS, type Prices } from './prices.ts';
import type { KeyvInstance } from './stores/keyv-counters.ts';
import type { CounterStore } from './stores/store.ts';
import { UNITS, type UsageInput } from './usage.ts';

export interface BudgetOptions extends PolicyOptions, PacingOptions {
  /** Where the counters are: a Keyv instance. Default: memory of this process. */
  readonly store?: KeyvInstance | CounterStore | undefined;
  /** What to reserve for a call that sets no bound on its output. Default 'expected'. */
  readonly completion?: CompletionMode | undefined;
  /**
   * Bounds a call's output to what still fits, where it would be denied for the output that it asks for, or that the
   * model may give if it sets no bound; never below `min` tokens, >= 1, for each output. Default: such calls are denied.
   */
  readonly fitToBudget?: { readonly min: number } | undefined;
  /**
   * Cuts a stream, which then throws `QuotaExceeded`, when it has delivered more than was reserved for it and nothing
   * remains to reserve. Default false: what it uses beyond is counted, and the next calls wait for that to pass.
   */
  readonly stopAtLimit?: boolean | undefined;
  /** Prices to add to or override those of genai-prices. */
  readonly prices?: Prices | undefined;
  /** Calls that the budget cannot govern: let them pass, or refuse them with `UngovernedEndpointError`. Default 'pass'. */
  readonly ungoverned?: 'pass' | 'reject' | undefined;
  /** When the store fails: refuse calls with `BudgetStoreError`, or let them pass and count them when it is back. Default 'reject'. */
  readonly onStoreError?: 'reject' | 'allow' | undefined;
  /** Milliseconds that the store has to answer an operation; > 0. Default 2000. */
  readonly storeTimeout?: number | undefined;
  /** Shares of a limit's max, > 0 and <= 1, at whose passing a `warning` is emitted. Default [0.8]. */
  readonly warnAt?: readonly number[] | undefined;
  /** Names of headers that tell how the budget stands, on responses and on the 429 of `QuotaExceeded`. Default: none. */
  readonly headers?: BudgetHeaders | undefined;
  /**
   * 'observe': learns from the API's answers what its rate limits are and what is left of them, shares that through the
   * store, and holds calls back, as limits with `onExceeded: 'wait'` do, before the API would refuse them. The budget is
   * then of one account of the API: all that share its store are taken to call with keys of the same one. Default: does not.
   */
  readonly upstream?: 'observe' | undefined;
  /** The time, in Unix milliseconds. Default: `Date.now`, or the store's clock where machines share it. */
  readonly clock?: (() => number) | undefined;
}

/** BudgetOptions with every check done and every default in place. */
export interface ResolvedOptions {
  readonly store: unknown;
  readonly policy: ResolvedPolicy;
  readonly pacing: ResolvedPacing;
  readonly completion: CompletionMode;
  readonly fitToBudget: { readonly min: number } | undefined;
  readonly stopAtLimit: boolean;
  readonly prices: Prices;
  readonly ungoverned: 'pass' | 'reject';
  readonly onStoreError: 'reject' | 'allow';
  readonly storeTimeout: number;
  readonly warnAt: readonly number[];
  readonly headers: BudgetHeaders;
  readonly upstream: 'observe' | undefined;
  readonly clock: (() => number) | undefined;
}

const BUDGET_OPTIONS = Object.keys({
  store: 0,
  ...POLICY_OPTIONS,
  ...PACING_OPTIONS,
  completion: 0,
  fitToBudget: 0,
  stopAtLimit: 0,
  prices: 0,
  ungoverned: 0,
  onStoreError: 0,
  storeTimeout: 0,
  warnAt: 0,
  headers: 0,
  upstream: 0,
  clock: 0,
} satisfies Record<keyof BudgetOptions, 0>);

/** Checks every option of a budget once. @throws BudgetOptionError that names the first wrong one. */
export function resolveOptions(options: unknown): ResolvedOptions {
  const given = fieldsOf('budget', options, BUDGET_OPTIONS);
  return {
    store: given['store'],
    policy: resolvePolicy(given),
    pacing: resolvePacing(given),
    completion: completionOf(given['completion']),
    fitToBudget: fitOf(given['fitToBudget']),
    stopAtLimit: flag('budget.stopAtLimit', given['stopAtLimit']),
    prices: pricesOf(given['prices']),
    ungoverned: oneOf('budget.ungoverned', given['ungoverned'], ['pass', 'reject']) ?? 'pass',
    onStoreError: oneOf('budget.onStoreError', given['onStoreError'], ['reject', 'allow']) ?? 'reject',
    storeTimeout: positive('budget.storeTimeout', given['storeTimeout'] ?? 2_000),
    warnAt: sharesOf(given['warnAt']),
    headers: headersOf('budget.headers', given['headers'], BUDGET_HEADERS) ?? {},
    upstream: oneOf('budget.upstream', given['upstream'], ['observe']),
    clock: functionOf<() => number>('budget.clock', given['clock']),
  };
}

/** Checks a part of a Usage. @throws BudgetOptionError */
export function checkUsage(option: string, usage: unknown): UsageInput {
  const given = fieldsOf(option, usage, UNITS);
  for (const unit of UNITS) {
    const value = given[unit];
    if (value !== undefined && !(isFiniteNumber(value) && value >= 0)) {
      throw new BudgetOptionError(`${option}.${unit}`, 'a finite number >= 0', value);
    }
  }
  const { tokens, promptTokens, completionTokens } = given as UsageInput;
  const sum = (promptTokens ?? 0) + (completionTokens ?? 0);
  if (tokens !== undefined && (promptTokens ?? completionTokens) !== undefined && tokens !== sum) {
    throw new BudgetOptionError(`${option}.tokens`, `promptTokens + completionTokens, ${sum}`, tokens);
  }
  return given as UsageInput;
}

function completionOf(value: unknown): CompletionMode {
  if (typeof value === 'function') return value as CompletionMode;
  if (typeof value === 'object' && value !== null) {
    const { expected } = fieldsOf('budget.completion', value, ['expected']);
    const { quantile, perKey } = fieldsOf('budget.completion.expected', expected, ['quantile', 'perKey']);
    flag('budget.completion.expected.perKey', perKey);
    if (quantile !== undefined && !(isFiniteNumber(quantile) && quantile > 0 && quantile < 1)) {
      throw new BudgetOptionError('budget.completion.expected.quantile', 'a share > 0 and < 1', quantile);
    }
    return value as CompletionMode;
  }
  const words = ['expected', 'max', 'none'] as const;
  const orElse = ' or { expected: { quantile, perKey } } or a function';
  return oneOf('budget.completion', value, words, orElse) ?? 'expected';
}

function fitOf(value: unknown): { readonly min: number } | undefined {
  if (value === undefined) return undefined;
  const { min } = fieldsOf('budget.fitToBudget', value, ['min']);
  if (Number.isSafeInteger(min) && Number(min) >= 1) return { min: Number(min) };
  throw new BudgetOptionError('budget.fitToBudget.min', 'a whole number of tokens >= 1', min);
}

function pricesOf(value: unknown): Prices {
  if (value === undefined) return {};
  const prices = fieldsOf('budget.prices', value, Object.keys(value ?? {}));
  for (const [model, price] of Object.entries(prices)) {
    const option = `budget.prices[${JSON.stringify(model)}]`;
    if (typeof price === 'string') continue;
    for (const [part, dollars] of Object.entries(fieldsOf(option, price, PRICE_PARTS))) {
      if (dollars === undefined || (isFiniteNumber(dollars) && dollars >= 0)) continue;
      throw new BudgetOptionError(`${option}.${part}`, 'US dollars, a finite number >= 0', dollars);
    }
  }
  return prices as Prices;
}

function sharesOf(value: unknown): readonly number[] {
  if (value === undefined) return [0.8];
  const expected = 'an array of shares > 0 and <= 1';
  if (!Array.isArray(value)) throw new BudgetOptionError('budget.warnAt', expected, value);
  for (const share of value as readonly unknown[]) {
    if (!isFiniteNumber(share) || share <= 0 || share > 1)
      throw new BudgetOptionError('budget.warnAt', expected, share);
  }
  return [...value].sort((a: number, b: number) => a - b);
}
