import { safeKey } from '../safe-key.ts';
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
}

export function chargeOf(limit: CompiledLimit, key: string, requested: number, now: number): Charge {
  const bounds = limit.window.at(now);
  return { limit, key, storeKey: storeKeyOf(limit, key, bounds.id), bounds, requested };
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
