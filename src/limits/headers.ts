import { safeKey } from '../safe-key.ts';
import type { Unit } from '../usage.ts';
import type { Charge } from './charge.ts';
import type { LimitUsage } from './state.ts';

/** Names of headers that the app chooses, each a value of the budget as it stands for the call. */
export interface BudgetHeaders {
  /** What still fits of the tightest limit on tokens that is a rate: a rolling one. */
  readonly remainingTokens?: string | undefined;
  /** What is left of the tightest limit on tokens that is a quota: of fixed windows. */
  readonly remainingQuota?: string | undefined;
  readonly remainingRequests?: string | undefined;
  readonly remainingImages?: string | undefined;
  /** US dollars. */
  readonly remainingCost?: string | undefined;
  /** Tokens that the call counted: reserved at first, what it used once that is known. */
  readonly tokensConsumed?: string | undefined;
  /** Names of the limits with `onExceeded: 'allow'` that the call went beyond, percent-encoded, separated by commas; only then. */
  readonly exceeded?: string | undefined;
  /** Whole seconds until the call fits; on the 429 only. */
  readonly retryAfter?: string | undefined;
}

export const BUDGET_HEADERS = Object.keys({
  remainingTokens: 0,
  remainingQuota: 0,
  remainingRequests: 0,
  remainingImages: 0,
  remainingCost: 0,
  tokensConsumed: 0,
  exceeded: 0,
  retryAfter: 0,
} satisfies Record<keyof BudgetHeaders, 0>);

/** How a budget stands for a call, as headers tell it. */
export interface Standing {
  readonly charges: readonly Charge[];
  /** Of each charge's limit. */
  readonly states: readonly LimitUsage[];
  /** What each charge counted; undefined: nothing, the call was denied. */
  readonly consumed?: readonly number[] | undefined;
  readonly tokens?: number | undefined;
  readonly exceeded?: readonly string[] | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The headers whose names the app chose, for its budget and for single limits. */
export function chosenHeaders(names: BudgetHeaders, standing: Standing): [name: string, value: string][] {
  const { charges, states, consumed, tokens, exceeded = [], retryAfterMs } = standing;
  const headers: [string, string][] = [];
  const add = (name: string | undefined, value: number | string | undefined) => {
    if (name !== undefined && value !== undefined) headers.push([name, String(value)]);
  };
  const least = (isMeant: (charge: Charge) => boolean) => {
    const remaining = states.filter((_, i) => isMeant(charges[i] as Charge)).map((state) => state.remaining);
    return remaining.length === 0 ? undefined : Math.min(...remaining);
  };
  const seconds = retryAfterMs === undefined ? undefined : Math.ceil(retryAfterMs / 1_000);
  add(
    names.remainingTokens,
    least(({ limit }) => countsTokens(limit.unit) && limit.window.kind === 'rolling'),
  );
  add(
    names.remainingQuota,
    least(({ limit }) => countsTokens(limit.unit) && limit.window.kind === 'fixed'),
  );
  add(
    names.remainingRequests,
    least(({ limit }) => limit.unit === 'requests'),
  );
  add(
    names.remainingImages,
    least(({ limit }) => limit.unit === 'images'),
  );
  add(
    names.remainingCost,
    least(({ limit }) => limit.unit === 'cost'),
  );
  add(names.tokensConsumed, tokens);
  add(names.exceeded, exceeded.length === 0 ? undefined : exceeded.map(safeKey).join(', '));
  add(names.retryAfter, seconds);
  for (const [i, { limit }] of charges.entries()) {
    add(limit.headers?.remaining, states[i]?.remaining);
    add(limit.headers?.max, limit.max);
    add(limit.headers?.consumed, consumed?.[i]);
    add(limit.headers?.retryAfter, seconds);
  }
  return headers;
}

function countsTokens(unit: Unit): boolean {
  return unit === 'tokens' || unit === 'promptTokens' || unit === 'completionTokens';
}
