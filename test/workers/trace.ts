import type { Amounts } from './limits.ts';

/**
 * One admission or denial, as the store told it. Where it stands among all operations of all workers is told by the
 * store as well, see RecordingStore: no clock is needed to put the trace in order.
 */
export interface Decision {
  readonly id: string;
  /** The counter key of the call. */
  readonly user: string;
  readonly asked: Amounts;
  readonly admitted: boolean;
  /** Unix milliseconds. */
  readonly now: number;
  /** Of the counters of all limits, in their order: after an admission, at a denial. */
  readonly values: readonly (number | undefined)[];
  /** Admissions of all workers up to it, itself included. */
  readonly admissions: number;
  /** Settlements before it, by worker. */
  readonly settlements: readonly number[];
}

/** What one worker did. */
export interface Trace {
  readonly decisions: Decision[];
  /** Ids of reservations, in the order in which this worker settled them. */
  readonly settlements: string[];
  /** What the upstream billed for each attempt that was sent, by the id of its reservation. */
  readonly billed: Map<string, Amounts>;
}
