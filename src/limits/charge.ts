import { checkKey } from '../checks.ts';
import { guarded } from '../guarded.ts';
import { safeKey } from '../safe-key.ts';
import type { Unit, Usage } from '../usage.ts';
import type { Call, Outcome } from './call.ts';
import type { CompiledLimit } from './limit.ts';
import type { Bounds } from './window.ts';

/** One limit of a call: the counter it counts on, and what the call asks of it. */
export interface Charge {
  readonly limit: CompiledLimit;
  /** The counter key that the limit counts for. */
  readonly key: string;
  readonly storeKey: string;
  readonly bounds: Bounds;
  /** In the limit's unit. */
  readonly requested: number;
  /** How much one of the unit counts. */
  readonly weight: number;
  /** What the call counts, whatever it uses; undefined: what it uses. */
  readonly counted: number | undefined;
}

/**
 * What a call asks of a limit.
 *
 * @param key the budget's counter key for the call
 * @throws BudgetOptionError if a function of the app gives no counter key, or no number
 */
export function chargeOf(limit: CompiledLimit, call: Call, key: string, usage: Usage, now: number): Charge {
  const countedFor = keyOf(limit, call, key);
  const bounds = limit.window.at(now);
  const weight = limit.weight(call.model);
  const counted = limit.count?.(call, usage);
  return {
    limit,
    key: countedFor,
    storeKey: storeKeyOf(limit, countedFor, bounds.id),
    bounds,
    requested: chargedFor({ limit, weight, counted }, usage),
    weight,
    counted,
  };
}

/** The counter key that a limit counts a call for; `key` is the budget's. @throws BudgetOptionError */
function keyOf(limit: CompiledLimit, call: Call, key: string): string {
  const own = typeof limit.key === 'function' ? limit.key(call) : limit.key;
  return own === undefined ? key : checkKey(`key(call) of limit ${limit.name}`, own);
}

/** The counter of a limit for a key, with nothing asked of it. */
export function standing(limit: CompiledLimit, key: string, now: number): Charge {
  const bounds = limit.window.at(now);
  const storeKey = storeKeyOf(limit, key, bounds.id);
  return { limit, key, storeKey, bounds, requested: 0, weight: 1, counted: undefined };
}

/** What a usage counts; in whole units but for dollars. Undefined: the call was certainly not billed. */
export function chargedFor(
  { limit, weight, counted }: Pick<Charge, 'limit' | 'weight' | 'counted'>,
  usage: Usage | undefined,
): number {
  if (usage === undefined) return 0;
  return counted ?? weighed(limit.unit, usage[limit.unit], weight);
}

/** An amount of a unit that counts more or less than it is. */
export function weighed(unit: Unit, amount: number, weight: number): number {
  if (weight === 1) return amount;
  return unit === 'cost' ? amount * weight : Math.ceil(amount * weight);
}

/** What is charged in the end, after the limit's own condition. Undefined if that throws: as without one. */
export function settledFor(charge: Charge, outcome: Outcome): number {
  const { countIf } = charge.limit;
  const counts = countIf === undefined ? undefined : guarded(() => countIf(outcome));
  if (counts === undefined) return chargedFor(charge, outcome.usage);
  if (!counts) return 0;
  return outcome.usage === undefined ? charge.requested : chargedFor(charge, outcome.usage);
}

/** Keys made last, by limit and counter key: making and hashing a long text costs more than finding it. */
const made = new WeakMap<CompiledLimit, Map<string, { readonly id: string; readonly storeKey: string }>>();
const REMEMBERED = 1_000;
/** Longer counter keys, in UTF-16 units, are not: a thousand of them would take the memory that the app needs. */
const LONGEST = 1_000;

function storeKeyOf(limit: CompiledLimit, key: string, id: string): string {
  let keys = made.get(limit);
  if (keys === undefined) {
    keys = new Map();
    made.set(limit, keys);
  }
  const known = keys.get(key);
  if (known?.id === id) return known.storeKey;
  if (keys.size >= REMEMBERED) keys.clear();
  const storeKey = [limit.name, key, id].map(safeKey).join(':');
  if (key.length > LONGEST) return storeKey;
  keys.set(key, { id, storeKey });
  return storeKey;
}

/** Distinguishes counters, whatever their windows. */
export function counterOf({ limit, key }: Charge): string {
  return `${safeKey(limit.name)}:${key}`;
}

/** Whether the limit denies the charge where the counter stands at `value`. */
export function denies({ limit, requested }: Charge, value: number | undefined, now: number): boolean {
  if (requested === 0 || limit.onExceeded === 'allow') return false;
  const { floor, room } = limit.window.at(now);
  return Math.max(value ?? floor, floor) + limit.window.toStore(requested) > floor + room;
}

/** Whole milliseconds until the charge fits; undefined if it never does. */
export function retryAfterMs(
  { limit, requested }: Charge,
  value: number | undefined,
  now: number,
): number | undefined {
  const wait = limit.window.retryAfterMs(value, requested, now);
  return wait === undefined ? undefined : Math.ceil(wait);
}
