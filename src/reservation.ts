import type { SettlementSource } from './events.ts';
import type { Billing, Outcome } from './limits/call.ts';
import { type Charge, settledFor } from './limits/charge.ts';
import type { Reading, StoredReservation } from './stores/store.ts';
import type { Usage, UsageInput } from './usage.ts';

/** An admitted, not yet settled amount. Settling or refunding it takes effect once; whatever follows does nothing. */
export interface Reservation {
  readonly id: string;
  readonly key: string;
  /** What was reserved. */
  readonly usage: Usage;
  /** Replaces the reserved amount by what was used, in the windows where it was reserved. Off the caller's path. */
  settle(usage: UsageInput): void;
  /** Gives the whole amount back: the work was certainly not billed. */
  refund(): void;
}

/** An open reservation, of whatever worker. */
export interface OpenReservationInfo {
  readonly id: string;
  readonly key: string;
  /** Empty for a reservation that is no call of the SDK. */
  readonly endpoint: string;
  readonly model: string;
  /** What was reserved. */
  readonly usage: Usage;
  readonly reservedAt: Date;
  /** Milliseconds since then. */
  readonly ageMs: number;
}

/** What a reservation was made for. */
export interface Purpose {
  readonly key: string;
  readonly plan: string | undefined;
  readonly billing: Billing | undefined;
  readonly endpoint: string;
  readonly model: string;
}

/** How a reservation ends, and how its usage is known. */
export interface Ending extends Outcome {
  readonly source: SettlementSource;
}

export type Close = (reservation: OpenReservation, ending: Ending) => void;

/** The charges that were counted when a reservation was made, and where that left their counters. */
export interface Counted extends Reading {
  readonly charges: readonly Charge[];
}

/** Distinguishes the reservations of this process from those of others. Made late: Workers draw no random at the start. */
let processId: string | undefined;
let made = 0;

function nextId(): string {
  processId ??= crypto.randomUUID();
  return `${processId}-${++made}`;
}

/** A reservation as the budget keeps it: open until it is closed, once. */
export class OpenReservation implements StoredReservation {
  readonly purpose: Purpose;
  readonly usage: Usage;
  /** Where it is counted. */
  readonly charges: readonly Charge[];
  readonly reservedAt: number;
  /** False if the store failed: then it may be there or not. */
  certain = true;
  counted: Counted | undefined;
  /** Frees the slot that it holds as a call under way. */
  slot: (() => void) | undefined;
  readonly id = nextId();
  readonly #close: Close;
  #open = true;
  /** What each charge comes to; undefined: nothing, as long as it is open. */
  #settled: readonly number[] | undefined;

  constructor(purpose: Purpose, usage: Usage, charges: readonly Charge[], reservedAt: number, close: Close) {
    this.purpose = purpose;
    this.usage = usage;
    this.charges = charges;
    this.reservedAt = reservedAt;
    this.#close = close;
  }

  get key(): string {
    return this.purpose.key;
  }

  get endpoint(): string {
    return this.purpose.endpoint;
  }

  get model(): string {
    return this.purpose.model;
  }

  /** The call is under way no more, or nobody will ever know. */
  leave(): void {
    const free = this.slot;
    this.slot = undefined;
    free?.();
  }

  /**
   * @param usage what was used; undefined: it was certainly not billed
   * @param status HTTP status of the answer, if there was one
   */
  close(usage: Usage | undefined, source: SettlementSource, status?: number): void {
    if (!this.#open) return;
    this.#open = false;
    const ending = { usage, source, status };
    this.#settled = this.charges.map((charge) => settledFor(charge, ending));
    this.#close(this, ending);
  }

  /** Nothing was sent: all is given back, whatever counts. */
  withdraw(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#close(this, { usage: undefined, source: 'given', status: undefined });
  }

  /** What a charge of it comes to, in the limit's unit. */
  settled(charge: Charge): number {
    return this.#settled?.[this.charges.indexOf(charge)] ?? 0;
  }
}
