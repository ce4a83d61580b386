/**
 * The time by which a budget counts: the app's own clock where it gives one; else the store's where machines share it,
 * because theirs differ; else that of this machine.
 */
export class BudgetClock {
  readonly #given: (() => number) | undefined;
  readonly #learns: boolean;
  /** Of the store's clock from this machine's, in milliseconds, and by how much it may be wrong. */
  #offset = 0;
  #error = Infinity;

  constructor(given: (() => number) | undefined, scope: 'process' | 'machine' | 'shared') {
    this.#given = given;
    this.#learns = given === undefined && scope === 'shared';
  }

  /** Unix milliseconds. */
  readonly now = (): number => (this.#given === undefined ? Date.now() + this.#offset : this.#given());

  /**
   * The moment that a store is to count by; undefined: by its own clock, when it does what it is asked. A moment read here
   * would be old by then if the operation had to wait, and its window over and forgotten, so that it could be filled again.
   */
  imposed(): number | undefined {
    return this.#given?.();
  }

  /** The present as the store told it, in answer to a request that was sent at `sentAt` by `now()`. */
  learn(storeNow: number, sentAt: number): void {
    if (!this.#learns) return;
    const now = this.now();
    // The clock was put back meanwhile, by another answer: the two moments cannot be compared.
    if (sentAt > now) return;
    const error = Math.abs(now - sentAt) / 2;
    const correction = storeNow - (now + sentAt) / 2;
    // A more exact reading is better; one that contradicts the last says that a clock was set.
    if (error <= this.#error || Math.abs(correction) > error + this.#error) {
      this.#offset += correction;
      this.#error = error;
    }
  }
}
