/** `setTimeout` counts in 31 bits; a longer time would be over at once. */
const LONGEST = 2 ** 31 - 1;

/** Rings once at a moment of `performance.now()`, however far: never before it, as a timer may by a fraction. */
export class Alarm {
  readonly #ring: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** In the place of what it was set to before. */
  set(at: number): void {
    this.clear();
    const left = Math.max(0, Math.ceil(at - performance.now()));
    this.#timer = setTimeout(
      () => {
        if (performance.now() < at) this.set(at);
        else {
          this.#timer = undefined;
          this.#ring();
        }
      },
      Math.min(left, LONGEST),
    );
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
