import type { LimitUsage, OpenReservationInfo } from '../../src/index.ts';
import type { TestLimit } from './limits.ts';

/** What a worker is told to do. */
export interface Job {
  /**
   * `calls`: so many in each lane. `hang`: one in each lane, that is never answered. `windows`: from the end of a window
   * of the first limit on, in each lane, until it was denied in the next window as well, or so many were admitted.
   */
  readonly kind: 'calls' | 'hang' | 'windows';
  /** Distinguishes this run from others on the same store. */
  readonly scope: string;
  readonly worker: number;
  /** Calls at the same time. */
  readonly lanes: number;
  /** In each lane, one after the other. */
  readonly calls: number;
  readonly limits: readonly TestLimit[];
}

/** Asks a worker how the limits stand. */
export interface Question {
  readonly limits: readonly TestLimit[];
  readonly users: readonly string[];
}

/** How the limits stand for a user, and what is open, as the public API tells it. */
export interface Standing {
  readonly user: string;
  readonly usage: readonly LimitUsage[];
  readonly reservations: readonly OpenReservationInfo[];
}
