import { type Charge, denies, retryAfterMs } from './charge.ts';
import { type LimitUsage, limitUsage } from './state.ts';

/** How a limit stands, and what a call would ask of it. */
export interface LimitPreview extends LimitUsage {
  /** What the call would reserve, in the limit's unit. */
  readonly requested: number;
  /** It fits, or the limit lets pass what does not. */
  readonly fits: boolean;
  /** Milliseconds until it fits, 0 if it does; undefined if it never will. */
  readonly retryAfterMs: number | undefined;
}

export function limitPreview(charge: Charge, value: number | undefined, now: number): LimitPreview {
  const { limit, key, requested } = charge;
  const state = { ...limitUsage(limit, key, value, now), requested };
  if (!denies(charge, value, now)) return { ...state, fits: true, retryAfterMs: 0 };
  return { ...state, fits: false, retryAfterMs: retryAfterMs(charge, value, now) };
}
