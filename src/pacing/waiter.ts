import type { SlotUsage } from '../limits/slots.ts';
import { Alarm } from './alarm.ts';
import type { Gate } from './gate.ts';
import type { Line } from './line.ts';

/** A call that was not admitted. */
export interface Denied {
  /** What it is refused with if it does not wait. */
  readonly error: Error;
  /** Id of the counter that takes longest: the call waits in its line. */
  readonly counter: string;
  /** Milliseconds until the call fits as counters stand; undefined: never, or a limit that does not wait denied it. */
  readonly waitMs: number | undefined;
}

/** What came of a try to be admitted. */
export type Attempted<T> = { readonly admitted: T } | Denied;

/** A call that asks to be admitted. */
export interface Applicant<T> {
  /** 0, first, to 9, last. */
  readonly priority: number;
  readonly signal: AbortSignal | undefined;
  /** Ids of the counters that it counts on and waits for. Asked where anybody waits. */
  counters(): readonly string[];
  /** Whether it takes one of the slots for calls under way, until `Pacing.leave()`. */
  readonly slot: boolean;
  /**
   * Tries to be admitted. What it throws is what the call fails with.
   *
   * @param waitedMs milliseconds that the call has waited; 0 if it did not
   */
  attempt(waitedMs: number): Attempted<T> | Promise<Attempted<T>>;
  /** Gives back what it was admitted to: its caller has left meanwhile. */
  abandon(admitted: T): void;
  /** Whether it could be admitted if nothing was used. Asked of one that others wait before. */
  canFit(): boolean;
  /** The error of a call that is refused without having tried, as its counters stand. */
  denialUntried(): Error | Promise<Error>;
  /** The error of a call that is refused because no slot became free for it. */
  denialOfSlot(slots: SlotUsage): Error;
}

/** One level of priority counts as much as this share of the longest wait, so that nobody waits for ever. */
const PRIORITY_SHARE = 0.1;

/** A call that waits, in one line at a time, until it is admitted or refused. */
export class Waiter {
  readonly applicant: Applicant<unknown>;
  /** Undefined: it takes no slot. */
  readonly gate: Gate | undefined;
  /** By `performance.now()`. */
  readonly arrivedAt = performance.now();
  readonly deadline: number;
  /** Those of the applicant, once it waits: a function of the app that fails then fails the call, and no other. */
  counters: readonly string[] = [];
  /** Undefined: it does not wait, not yet or no more. */
  line: Line | undefined;
  /** It may fit from then on, by `performance.now()`, as far as is known. */
  readyAt = -Infinity;
  isTrying = false;
  /** When its last try began, by `performance.now()`. */
  triedAt = this.arrivedAt;
  /** What its last try was denied with. */
  denied: Error | undefined;
  readonly #arrival: number;
  readonly #rank: number;
  readonly #end = Promise.withResolvers<unknown>();
  #alarm: Alarm | undefined;
  #aborted: (() => void) | undefined;

  /**
   * @param arrival counts those that arrive
   * @param maxWait milliseconds
   */
  constructor(applicant: Applicant<unknown>, gate: Gate | undefined, arrival: number, maxWait: number) {
    this.applicant = applicant;
    this.gate = gate;
    this.deadline = this.arrivedAt + maxWait;
    this.#arrival = arrival;
    this.#rank = this.arrivedAt + applicant.priority * maxWait * PRIORITY_SHARE;
  }

  /** What the applicant was admitted to. */
  get ended(): Promise<unknown> {
    return this.#end.promise;
  }

  /** An order that time does not change: all of them improve alike as they wait. */
  goesBefore(other: Waiter): boolean {
    return this.#rank === other.#rank ? this.#arrival < other.#arrival : this.#rank < other.#rank;
  }

  /** Tells when its time is over, and when its caller leaves, as long as it waits. */
  watch(expired: () => void, aborted: () => void): void {
    this.#alarm = new Alarm(expired);
    this.#alarm.set(this.deadline);
    this.#aborted = aborted;
    this.applicant.signal?.addEventListener('abort', aborted);
  }

  unwatch(): void {
    this.#alarm?.clear();
    if (this.#aborted !== undefined) this.applicant.signal?.removeEventListener('abort', this.#aborted);
  }

  admit(admitted: unknown): void {
    this.#end.resolve(admitted);
  }

  refuse(error: unknown): void {
    this.#end.reject(error);
  }

  /** With an error that has to be made yet, or with what making it fails with. */
  async refuseWith(error: () => Error | Promise<Error>): Promise<void> {
    try {
      this.refuse(await error());
    } catch (failure) {
      this.refuse(failure);
    }
  }
}
