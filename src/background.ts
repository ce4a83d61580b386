import { type Estimator, usageFor } from './calls/estimate.ts';
import type { Events } from './events.ts';
import type { Ledger } from './ledger.ts';
import type { Quantities } from './prices.ts';
import type { OpenReservation } from './reservation.ts';

/** Responses that go on in the background, settled by whichever worker sees their usage. */
export class Background {
  readonly #ledger: Ledger;
  readonly #estimator: Estimator;
  readonly #events: Events;
  readonly #madeRoom: () => void;

  /** @param madeRoom told when limits may have room that they had not */
  constructor(ledger: Ledger, estimator: Estimator, events: Events, madeRoom: () => void) {
    this.#ledger = ledger;
    this.#estimator = estimator;
    this.#events = events;
    this.#madeRoom = madeRoom;
  }

  /** Leaves a reservation open for whichever worker sees the response's usage. */
  defer(reservation: OpenReservation, responseId: string): void {
    this.#ledger.defer(reservation, nameOf(responseId));
    reservation.leave();
  }

  /** The response's usage was seen where it was made. */
  undefer(responseId: string): void {
    this.#ledger.undefer(nameOf(responseId));
  }

  /** Settles what was left open for a response, once. Undefined: it used nothing. */
  settle(responseId: string, used: Quantities | undefined): void {
    this.#ledger.settleDeferred(
      nameOf(responseId),
      async (name) => {
        if (used === undefined) return undefined;
        return usageFor(used, (await this.#estimator.model(name)).pricing);
      },
      ({ id, key, endpoint, model, usage: estimate }, usage) => {
        this.#madeRoom();
        const about = { id, key, plan: undefined, billing: undefined, endpoint, model, estimate };
        if (usage === undefined) this.#events.emit('refunded', () => about);
        else this.#events.emit('settled', () => ({ ...about, limits: [], usage, source: 'reported' }));
      },
    );
  }
}

function nameOf(responseId: string): string {
  return `response:${responseId}`;
}
