/**
 * Before anything is known of a model, one call at a time goes ahead to find out; the others wait for the head of its
 * answer. One that gets no answer of use is followed by the next.
 */
export class ColdStart {
  readonly #recall: () => Promise<boolean>;
  readonly #maxWait: number;
  #recalling: Promise<void> | undefined;
  #isOver = false;
  #ahead: { readonly call: object; readonly left: PromiseWithResolvers<void> } | undefined;

  /**
   * @param recall finds what other workers know; false if that is nothing
   * @param maxWait milliseconds that a call waits at most; then it goes as well
   */
  constructor(recall: () => Promise<boolean>, maxWait: number) {
    this.#recall = recall;
    this.#maxWait = maxWait;
  }

  /** Enough is known. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Resolves when a call may go.
   *
   * @throws the signal's reason
   */
  async enter(call: object, signal: AbortSignal | null | undefined): Promise<void> {
    this.#recalling ??= this.#recall().then((isKnown) => {
      this.#isOver ||= isKnown;
    });
    await this.#recalling;
    const until = performance.now() + this.#maxWait;
    while (!this.#isOver && this.#ahead !== undefined) {
      const left = until - performance.now();
      if (left <= 0) return;
      await settledWithin(this.#ahead.left.promise, left, signal);
    }
    signal?.throwIfAborted();
    if (!this.#isOver) this.#ahead = { call, left: Promise.withResolvers() };
  }

  /** Enough is known by now: nobody waits any more. */
  end(): void {
    this.#isOver = true;
    this.#ahead?.left.resolve();
    this.#ahead = undefined;
  }

  /** A call has its answer, or will have none. Others may wait for it no more. */
  leave(call: object): void {
    if (this.#ahead?.call !== call) return;
    this.#ahead.left.resolve();
    this.#ahead = undefined;
  }
}

/** Of a timer, in milliseconds: 24 days. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Waits for a promise at most so long, and no longer than until the signal is aborted. */
async function settledWithin(
  promise: Promise<void>,
  milliseconds: number,
  signal: AbortSignal | null | undefined,
): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const stop = () => resolve();
  const timer = setTimeout(stop, Math.min(milliseconds, LONGEST_TIMER));
  signal?.addEventListener('abort', stop);
  await Promise.race([promise, over]);
  clearTimeout(timer);
  signal?.removeEventListener('abort', stop);
  signal?.throwIfAborted();
}
