import { EPOCH } from '../limits/window.ts';
import { type AdmitOp, type Counter, DRAINED_KEPT, type SettleOp } from './store.ts';

/** What the operations do to a counter, for stores that compute here. Pure: (value, now, amount) to the next value. */

/** Whether the counter counts at `now`: a moving one always does. */
export function isPresent({ span }: Counter, now: number): boolean {
  return span === undefined || (span.start <= now && now < span.end);
}

/** The value that the counter is raised to; undefined if that does not fit. */
export function raised(op: AdmitOp, value: number | undefined, now: number): number | undefined {
  const floor = floorOf(op, now);
  const sum = Math.max(value ?? floor, floor) + op.amount;
  return sum <= floor + op.room ? sum : undefined;
}

/**
 * The value of the counter once it is settled; undefined if it stays as it is.
 *
 * @param open whether the reservation was open. If not, what was used is charged in full.
 */
export function settled(
  op: SettleOp,
  value: number | undefined,
  open: boolean,
  now: number,
): number | undefined {
  const delta = open ? op.used - op.reserved : op.used;
  if (delta === 0 || !isPresent(op, now)) return undefined;
  const floor = floorOf(op, now);
  return Math.max((value ?? floor) + delta, floor);
}

/** Until when a counter of this value is kept, in Unix milliseconds; Infinity for a span without end. */
export function keptUntil({ span }: Counter, value: number, now: number): number {
  return span?.end ?? Math.max(now, EPOCH + value) + DRAINED_KEPT;
}

/** For stores that have no infinity: a number that nothing in them reaches. */
export function finite(value: number): number {
  return Math.min(value, Number.MAX_VALUE);
}

export function keysOf(counters: readonly Counter[]): string[] {
  return counters.map(({ key }) => key);
}

function floorOf({ span }: Counter, now: number): number {
  return span === undefined ? now - EPOCH : 0;
}
