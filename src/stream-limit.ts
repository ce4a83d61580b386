import type { Budget } from './budget.ts';
import { type Model, usageFor } from './calls/estimate.ts';
import type { Call } from './limits/call.ts';
import type { OpenReservation } from './reservation.ts';

/** By how much more is reserved when a stream delivers more than was: a share of that, and at least so many tokens. */
const SHARE = 0.25;
const LEAST = 64;

/**
 * Holds a stream to what is reserved for it. When it delivers more, more is reserved; when nothing remains, it is cut.
 */
export class StreamLimit {
  readonly #budget: Budget;
  readonly #call: Call;
  readonly #model: Model;
  readonly #more: OpenReservation[] = [];
  #reserved: number;
  #asking = false;
  #over = false;

  /** @param reserved completion tokens */
  constructor(budget: Budget, call: Call, model: Model, reserved: number) {
    this.#budget = budget;
    this.#call = call;
    this.#model = model;
    this.#reserved = reserved;
  }

  /**
   * Looks whether the stream delivered more than is reserved.
   *
   * @param exceeds whether it delivered more than so many tokens
   * @param cut ends it with the error of the budget
   */
  check(exceeds: (tokens: number) => boolean | undefined, cut: (error: Error) => void): void {
    if (this.#asking || this.#over || exceeds(this.#reserved) !== true) return;
    this.#asking = true;
    this.#extend().catch((error: unknown) => {
      if (!this.#over) cut(error instanceof Error ? error : new Error('the budget failed', { cause: error }));
    });
  }

  /** The stream has ended: what it used is charged to its own reservation. */
  end(): void {
    this.#over = true;
    for (const reservation of this.#more) reservation.withdraw();
  }

  async #extend(): Promise<void> {
    const tokens = Math.max(LEAST, Math.ceil(this.#reserved * SHARE));
    const usage = usageFor({ promptTokens: 0, completionTokens: tokens, images: 0 }, this.#model.pricing);
    const reservation = await this.#budget.admitMore(this.#call, { ...usage, requests: 0 });
    this.#more.push(reservation);
    this.#reserved += tokens;
    this.#asking = false;
    if (this.#over) reservation.withdraw();
  }
}
