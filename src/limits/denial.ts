import { type ExceededReason, type QuotaErrorBody, QuotaExceeded, shown } from '../errors.ts';
import type { Unit } from '../usage.ts';
import { type Call, planName } from './call.ts';
import { type Charge, counterOf, denies, retryAfterMs } from './charge.ts';
import { unitPerPeriod } from './compile.ts';
import { type BudgetHeaders, chosenHeaders } from './headers.ts';
import type { CompiledLimit } from './limit.ts';
import { type LimitUsage, limitUsage } from './state.ts';

interface Refusal {
  readonly charge: Charge;
  readonly state: LimitUsage;
  readonly reason: ExceededReason;
  readonly retryAfterMs: number | undefined;
}

/** A call that did not fit. */
export interface Denial {
  readonly error: QuotaExceeded;
  /** Of the counter that takes longest, for calls that wait. */
  readonly counter: string;
  /** Milliseconds until all fits as counters stand; undefined: never, or one of the limits does not wait. */
  readonly waitMs: number | undefined;
}

/**
 * A denial with an error in the form of the API's own 429. Of several limits that did not fit, the one named is the one
 * that takes longest to.
 *
 * @param headers names that the app chose
 */
export function denialOf(
  charges: readonly Charge[],
  values: readonly (number | undefined)[],
  call: Call,
  now: number,
  headers: BudgetHeaders,
): Denial {
  const refusals = charges.map((charge, i) => refusalOf(charge, values[i], now));
  const refused = refusals.filter(({ charge }, i) => denies(charge, values[i], now));
  const worst = (refused.length > 0 ? refused : refusals).reduce((a, b) => (wait(b) > wait(a) ? b : a));
  const { charge, state, reason, retryAfterMs } = worst;
  const body: QuotaErrorBody = {
    message: messageOf(worst, call.model),
    type: reason === 'quota' ? 'insufficient_quota' : GROUP[charge.limit.unit],
    param: null,
    code: reason === 'quota' ? 'insufficient_quota' : 'rate_limit_exceeded',
  };
  const states = refusals.map((refusal) => refusal.state);
  const sent = headersOf(states, retryAfterMs, now);
  // No wait that a client would take by itself brings these back; where it does not ask again, it fails at once.
  if (reason !== 'rate') sent.set('x-should-retry', 'false');
  const chosen = chosenHeaders(headers, { charges, states, retryAfterMs });
  for (const [name, value] of chosen) sent.set(name, value);
  const { requested } = charge;
  return {
    error: new QuotaExceeded({ ...state, requested, plan: planName(call), retryAfterMs, reason }, body, sent),
    counter: counterOf(charge),
    waitMs: refused.every(({ charge: { limit } }) => limit.onExceeded === 'wait')
      ? waitOf(charge.limit, retryAfterMs)
      : undefined,
  };
}

function waitOf({ retryMs = Infinity }: CompiledLimit, retryAfterMs: number | undefined): number | undefined {
  return retryAfterMs === undefined ? undefined : Math.min(retryAfterMs, retryMs);
}

function refusalOf(charge: Charge, value: number | undefined, now: number): Refusal {
  const { limit, requested } = charge;
  const tooLarge = limit.window.toStore(requested) > limit.window.at(now).room;
  return {
    charge,
    state: limitUsage(limit, charge.key, value, now),
    reason: tooLarge ? 'too_large' : limit.window.kind === 'rolling' ? 'rate' : 'quota',
    retryAfterMs: retryAfterMs(charge, value, now),
  };
}

function wait({ retryAfterMs }: Refusal): number {
  return retryAfterMs ?? Infinity;
}

/** How the API groups units in the `type` of its errors and the names of its headers. */
const GROUP: { readonly [U in Unit]: string } = {
  requests: 'requests',
  tokens: 'tokens',
  promptTokens: 'tokens',
  completionTokens: 'tokens',
  images: 'images',
  cost: 'cost',
};

function messageOf({ charge, state, reason, retryAfterMs }: Refusal, model: string): string {
  const { limit, key, requested } = charge;
  const subject = `${model === '' ? 'this call' : shown(model)} in ${shown(key)} on ${label(limit)}`;
  const numbers = `Limit ${amount(limit.max)}, Used ${amount(state.used)}, Requested ${amount(requested)}.`;
  const retry =
    retryAfterMs === undefined
      ? 'The quota does not renew.'
      : `Please try again in ${duration(retryAfterMs)}.`;
  switch (reason) {
    case 'rate':
      return `Rate limit reached for ${subject}: ${numbers} ${retry}`;
    case 'quota':
      return `You exceeded your current quota for ${subject}: ${numbers} ${retry}`;
    case 'too_large':
      return (
        `Request too large for ${subject}: Limit ${amount(limit.capacity)}, Used ${amount(state.used)}, ` +
        `Requested ${amount(requested)}. It can never fit: the input or output must be reduced, or the limit raised.`
      );
  }
}

/** As the API words it: 'tokens per min (TPM)'; with the limit's own name where it has one. */
function label(limit: CompiledLimit): string {
  const plain = unitPerPeriod(limit.unit, limit.per);
  if (limit.name !== plain) return `${plain} (${shown(limit.name)})`;
  const letter = limit.per === 'minute' ? 'M' : limit.per === 'day' ? 'D' : '';
  const short =
    letter === '' || limit.unit === 'cost' ? '' : ` (${GROUP[limit.unit].charAt(0).toUpperCase()}P${letter})`;
  return plain.replace(/per minute$/, 'per min') + short;
}

function amount(value: number): string {
  return String(Number(value.toFixed(6)));
}

/** A duration as the API writes it (Go's form): 115ms, 20s, 21m36.001s, 300h5m2s. */
export function duration(milliseconds: number): string {
  const ms = Math.max(0, Math.ceil(milliseconds));
  if (ms > 0 && ms < 1_000) return `${ms}ms`;
  const seconds = `${(ms % 60_000) / 1_000}s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes === 0) return seconds;
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}

/** The API's headers; of several limits in one unit, those of the one with least remaining. */
function headersOf(states: readonly LimitUsage[], retryAfterMs: number | undefined, now: number): Headers {
  const headers = new Headers();
  if (retryAfterMs !== undefined) {
    headers.set('retry-after', String(Math.ceil(retryAfterMs / 1_000)));
    headers.set('retry-after-ms', String(retryAfterMs));
  }
  const tightest = new Map<string, LimitUsage>();
  for (const state of states) {
    const group = GROUP[state.unit];
    if (state.remaining < (tightest.get(group)?.remaining ?? Infinity)) tightest.set(group, state);
  }
  for (const [group, state] of tightest) {
    headers.set(`x-ratelimit-limit-${group}`, amount(state.max));
    headers.set(`x-ratelimit-remaining-${group}`, amount(state.remaining));
    if (state.resetAt !== undefined)
      headers.set(`x-ratelimit-reset-${group}`, duration(state.resetAt.getTime() - now));
  }
  return headers;
}
