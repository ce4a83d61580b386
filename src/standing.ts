import type { Outcome } from './limits/call.ts';
import { type BudgetHeaders, chosenHeaders } from './limits/headers.ts';
import { type LimitUsage, limitUsage } from './limits/state.ts';
import type { OpenReservation } from './reservation.ts';

/**
 * How the limits of a call stood when it was admitted.
 *
 * @param outcome corrected by what came of it; undefined: as it was reserved
 */
export function limitsOfReservation(reservation: OpenReservation, outcome?: Outcome): LimitUsage[] {
  const { charges, values, now } = reservation.counted ?? { charges: [], values: [], now: 0 };
  return charges.map((charge, i) => {
    const { limit, key, requested } = charge;
    const value = values[i];
    if (value === undefined || outcome === undefined) return limitUsage(limit, key, value, now);
    const change = limit.window.toStore(reservation.settled(charge)) - limit.window.toStore(requested);
    return limitUsage(limit, key, value + change, now);
  });
}

/** Names of the limits with `onExceeded: 'allow'` that an admission went beyond. */
export function exceededLimits({ counted }: OpenReservation): string[] {
  if (counted === undefined) return [];
  const { charges, values, now } = counted;
  return charges
    .filter(({ limit }, i) => {
      const { floor, room } = limit.window.at(now);
      return (values[i] ?? floor) > floor + room;
    })
    .map(({ limit }) => limit.name);
}

/** The headers that tell the app how its budget stands. */
export function headersOfReservation(
  names: BudgetHeaders,
  reservation: OpenReservation,
  outcome?: Outcome,
): [name: string, value: string][] {
  const charges = reservation.counted?.charges ?? [];
  if (Object.keys(names).length === 0 && charges.every(({ limit }) => limit.headers === undefined)) return [];
  return chosenHeaders(names, {
    charges,
    states: limitsOfReservation(reservation, outcome),
    consumed: charges.map((charge) =>
      outcome === undefined ? charge.requested : reservation.settled(charge),
    ),
    tokens: outcome === undefined ? reservation.usage.tokens : (outcome.usage?.tokens ?? 0),
    exceeded: exceededLimits(reservation),
  });
}
