import { usageFor } from './calls/estimate.ts';
import type { Pricing, Quantities } from './prices.ts';
import { UNITS, type Usage } from './usage.ts';

/** What still fits, by unit; Infinity where no limit counts it. */
export type Room = Usage;

/**
 * The most completion tokens, at most those of `quantities`, that fit into the room together with the rest of the call.
 * Undefined if not even the rest does. By bisection: prices may have steps.
 */
export function fittingCompletion(
  quantities: Quantities,
  pricing: Pricing | undefined,
  room: Room,
): number | undefined {
  const fits = (completionTokens: number) => {
    const usage = usageFor({ ...quantities, completionTokens }, pricing);
    return UNITS.every((unit) => usage[unit] <= room[unit]);
  };
  if (!fits(0)) return undefined;
  let fitting = 0;
  let most = quantities.completionTokens;
  while (fitting < most) {
    const middle = Math.ceil((fitting + most) / 2);
    if (fits(middle)) fitting = middle;
    else most = middle - 1;
  }
  return fitting;
}
