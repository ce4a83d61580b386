import type { OpenReservation } from './reservation.ts';
import type { SettleOp, StoredReservation } from './stores/store.ts';
import type { Unit, Usage } from './usage.ts';

/** One counter of a reservation that another worker may settle: all it needs to know of the limit. */
interface DeferredCharge {
  readonly key: string;
  readonly unit: Unit;
  /** Store numbers for one of the unit. */
  readonly perUnit: number;
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
export function deferredText({
  id,
  key,
  endpoint,
  model,
  usage,
  reservedAt,
  charges,
  certain,
}: OpenReservation): string {
  const deferred: Deferred = {
    reservation: { id, key, endpoint, model, usage, reservedAt },
    certain,
    charges: charges.map(({ limit, storeKey, requested, bounds: { span } }) => ({
      key: storeKey,
      unit: limit.unit,
      perUnit: limit.window.toStore(1),
      reserved: limit.window.toStore(requested),
      span: span === undefined ? null : { start: span.start, end: span.end === Infinity ? null : span.end },
    })),
  };
  return JSON.stringify(deferred);
}

/** Reads what `deferredText` wrote. */
export function readDeferred(text: string) {
  const { reservation, certain, charges } = JSON.parse(text) as Deferred;
  const settleOps = (usage: Usage | undefined): SettleOp[] =>
    charges.map(({ key, unit, perUnit, reserved, span }) => {
      const used = (usage?.[unit] ?? 0) * perUnit;
      if (span === null) return { key, span: undefined, reserved, used };
      const { start, end } = span;
      return { key, span: { start, end: end ?? Infinity }, reserved, used: Math.round(used) };
    });
  return { reservation, certain, settleOps };
}
