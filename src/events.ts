import { EventEmitter } from 'eventemitter3';
import type { BudgetStoreError, QuotaExceeded } from './errors.ts';
import { guarded } from './guarded.ts';
import type { Billing } from './limits/call.ts';
import type { LimitUsage } from './limits/state.ts';
import type { Usage } from './usage.ts';

/** What every event about a reservation tells. */
export interface ReservationEvent {
  /** The reservation's id. */
  readonly id: string;
  readonly key: string;
  readonly plan: string | undefined;
  /** Of the plan. */
  readonly billing: Billing | undefined;
  /** Empty for a reservation that is no call of the SDK. */
  readonly endpoint: string;
  readonly model: string;
  /** What was reserved. */
  readonly estimate: Usage;
}

export interface BudgetEvents {
  /** A reservation was made. */
  admitted: [
    event: ReservationEvent & {
      /** How the limits that it is counted on stand with it. */
      readonly limits: readonly LimitUsage[];
      /** Names of the limits with `onExceeded: 'allow'` that it went beyond. */
      readonly exceeded: readonly string[];
      /** Milliseconds that the call has waited for limits with `onExceeded: 'wait'`, and for its turn. */
      readonly waitedMs: number;
    },
  ];
  /** A call did not fit. Nothing was sent or counted. */
  denied: [
    event: {
      readonly error: QuotaExceeded;
      readonly endpoint: string;
      readonly model: string;
      readonly estimate: Usage;
    },
  ];
  /** A reservation was replaced by what was used; `source` says how that is known. */
  settled: [
    event: ReservationEvent & {
      /** As of the admission, with what was used in the place of what was reserved. */
      readonly limits: readonly LimitUsage[];
      readonly usage: Usage;
      readonly source: SettlementSource;
    },
  ];
  /** A reservation was given back: the call was certainly not billed. */
  refunded: [event: ReservationEvent];
  /** A limit has passed one of the shares of `warnAt`, for the first time in its window, of all workers. */
  warning: [event: LimitUsage & { readonly share: number }];
  /** The store failed; what was to be written is kept and tried again. */
  storeError: [error: BudgetStoreError];
}

/**
 * How the usage is known: `reported` by the API, `counted` from what a stream delivered, `estimated` because nothing is
 * known, `given` by the app.
 */
export type SettlementSource = 'reported' | 'counted' | 'estimated' | 'given';

export type BudgetEvent = keyof BudgetEvents;

/** Events whose listeners cannot break the call that they watch. */
export class Events {
  readonly #emitter = new EventEmitter<BudgetEvents>();

  on<E extends BudgetEvent>(event: E, listener: (...args: BudgetEvents[E]) => void): void {
    this.#emitter.on(event, listener as EventEmitter.EventListener<BudgetEvents, E>);
  }

  off<E extends BudgetEvent>(event: E, listener: (...args: BudgetEvents[E]) => void): void {
    this.#emitter.off(event, listener as EventEmitter.EventListener<BudgetEvents, E>);
  }

  /** Whether anyone listens: an event nobody hears need not be made. */
  heard(event: BudgetEvent): boolean {
    return this.#emitter.listenerCount(event) > 0;
  }

  /** Tells every listener; what one throws surfaces as an uncaught exception, not in the call. */
  emit<E extends BudgetEvent>(event: E, make: () => BudgetEvents[E][0]): void {
    if (!this.heard(event)) return;
    const payload = make();
    for (const listener of this.#emitter.listeners(event)) {
      guarded(() => (listener as (payload: BudgetEvents[E][0]) => void)(payload));
    }
  }
}
