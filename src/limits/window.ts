import type { Span } from './period.ts';

/**
 * Every limit is a number in the store with a floor and a ceiling: admission adds to `max(value, floor)` and never
 * passes the ceiling. A window says where floor and ceiling are at a moment, in the numbers that the store keeps.
 * Pure: no clock, no I/O.
 */
export interface Window {
  readonly kind: 'fixed' | 'rolling';
  /** Where the counter stands at `now`. */
  at(now: number): Bounds;
  /** Store numbers for an amount in the limit's unit. */
  toStore(amount: number): number;
  /** Amount used, in the limit's unit, of a stored value; debt may exceed the max. */
  used(value: number | undefined, now: number): number;
  /** Milliseconds until `amount` more fits; undefined if it never does. */
  retryAfterMs(value: number | undefined, amount: number, now: number): number | undefined;
  /** When what is used is gone, in Unix milliseconds; undefined for a window without end. */
  resetAt(value: number | undefined, now: number): number | undefined;
}

export interface Bounds {
  /** Distinguishes the windows of a limit; part of the counter's key in the store. Empty for a rolling window. */
  readonly id: string;
  readonly floor: number;
  /** Most that the counter may be above its floor. */
  readonly room: number;
  /** In Unix milliseconds, without end for a period without; undefined for a rolling window. */
  readonly span: Span | undefined;
}

/** What rolling counters count from, in Unix milliseconds: smaller numbers leave doubles more digits for fractions. */
export const EPOCH = Date.UTC(2026, 0, 1);

/** A quota: the counter starts at 0 in each window and may rise to `max`. `scale` turns the unit into whole numbers. */
export function fixedWindow(max: number, scale: number, spanAt: (now: number) => Span): Window {
  const room = toWhole(max, scale);
  let last: (Bounds & { readonly span: Span }) | undefined;
  const at = (now: number) => {
    const span = spanAt(now);
    if (last?.span !== span) last = { id: String(span.start), floor: 0, room, span };
    return last;
  };
  const endAt = (now: number) => {
    const { end } = at(now).span;
    return end === Infinity ? undefined : end;
  };
  return {
    kind: 'fixed',
    at,
    toStore: (amount) => toWhole(amount, scale),
    used: (value) => (value ?? 0) / scale,
    retryAfterMs(_value, amount, now) {
      const end = endAt(now);
      return toWhole(amount, scale) > room || end === undefined ? undefined : end - now;
    },
    resetAt: (_value, now) => endAt(now),
  };
}

/**
 * The token bucket of the API itself, as GCRA (the virtual scheduling form of ITU-T I.371): the counter is a moment,
 * in milliseconds since EPOCH, at which everything used so far has drained. An amount moves it by the time that the
 * amount takes to refill; it may be at most the time of `burst` ahead of now. Within any span t this admits at most
 * `burst + t * max / period`. Kept as time, not as tokens, so that what was spent survives a change of the max; as
 * doubles, whose last digits are below 10 microseconds of refill.
 */
export function rollingWindow(max: number, periodMs: number, burst: number): Window {
  const msPerUnit = periodMs / max;
  const capacity = burst * msPerUnit;
  // Sums of fractions differ in their last bits by order; an exact fit must still fit. Below half a unit, and below
  // what refills in 10 microseconds.
  const room = capacity + Math.min(0.01, msPerUnit / 2);
  const ahead = (value: number | undefined, now: number) =>
    value === undefined ? 0 : Math.max(0, value - (now - EPOCH));
  return {
    kind: 'rolling',
    at: (now) => ({ id: '', floor: now - EPOCH, room, span: undefined }),
    toStore: (amount) => amount * msPerUnit,
    used: (value, now) => toUnits(ahead(value, now) / msPerUnit),
    retryAfterMs(value, amount, now) {
      const time = amount * msPerUnit;
      return time > room ? undefined : Math.max(0, ahead(value, now) + time - capacity);
    },
    resetAt: (value, now) => now + ahead(value, now),
  };
}

function toWhole(amount: number, scale: number): number {
  return scale === 1 ? amount : Math.round(amount * scale);
}

/** Drops the noise of the last bits, so that 30 tokens used read as 30. */
function toUnits(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}
