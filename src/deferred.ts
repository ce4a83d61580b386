import { type Charge, settledFor, weighed } from './limits/charge.ts';
import type { OpenReservation } from './reservation.ts';
import type { SettleOp, StoredReservation } from './stores/store.ts';
import type { Unit, Usage } from './usage.ts';

/** One counter of a reservation that another worker may settle: all it needs to know of the limit. */
interface DeferredCharge {
  readonly key: string;
  readonly unit: Unit;
  /** Store numbers for one of the unit. */
  readonly perUnit: number;
  /** How much one of the unit counts. */
  readonly weight: number;
  /** Store numbers counted whatever is used; null: what is used. */
  readonly counted: number | null;
  readonly reserved: number;
  /** Of a fixed window, in Unix milliseconds, its end null if there is none; null for a rolling one. */
  readonly span: { readonly start: number; readonly end: number | null } | null;
}

interface Deferred {
  readonly reservation: StoredReservation;
  /** As for `CounterStore.settle`. */
  readonly certain: boolean;
  readonly charges: readonly DeferredCharge[];
}

/** A reservation with its charges as text, for whichever worker learns what was used. */
export function deferredText(reservation: OpenReservation): string {
  const { id, key, endpoint, model, usage, reservedAt, charges, certain } = reservation;
  const deferred: Deferred = {
    reservation: { id, key, endpoint, model, usage, reservedAt },
    certain,
    charges: charges.map((charge) => deferredCharge(charge, usage)),
  };
  return JSON.stringify(deferred);
}

/** Conditions are functions of this process: asked here and now, of a response that was accepted. */
function deferredCharge(charge: Charge, usage: Usage): DeferredCharge {
  const { limit, storeKey, requested, weight, bounds } = charge;
  const { span } = bounds;
  const isCounted = limit.countIf === undefined || settledFor(charge, { status: 200, usage }) > 0;
  const counted = isCounted ? charge.counted : 0;
  return {
    key: storeKey,
    unit: limit.unit,
    perUnit: limit.window.toStore(1),
    weight,
    counted: counted === undefined ? null : limit.window.toStore(counted),
    reserved: limit.window.toStore(requested),
    span: span === undefined ? null : { start: span.start, end: span.end === Infinity ? null : span.end },
  };
}

/** Reads what `deferredText` wrote. */
export function readDeferred(text: string) {
  const { reservation, certain, charges } = JSON.parse(text) as Deferred;
  const settleOps = (usage: Usage | undefined): SettleOp[] =>
    charges.map(({ key, unit, perUnit, weight, counted, reserved, span }) => {
      const used = usage === undefined ? 0 : (counted ?? weighed(unit, usage[unit], weight) * perUnit);
      if (span === null) return { key, span: undefined, reserved, used };
      const { start, end } = span;
      return { key, span: { start, end: end ?? Infinity }, reserved, used: Math.round(used) };
    });
  return { reservation, certain, settleOps };
}
