import { type Applicant, type Attempted, Pacing } from '../../src/pacing.ts';
import type { PacingOptions } from '../../src/pacing-options.ts';

/** A limit: a bucket of so much, that refills evenly. By `performance.now()`, which tests fake. */
export class Bucket {
  readonly capacity: number;
  /** Per second. */
  readonly rate: number;
  #level: number;
  #at = performance.now();

  constructor(capacity: number, rate: number) {
    this.capacity = capacity;
    this.rate = rate;
    this.#level = capacity;
  }

  get level(): number {
    const now = performance.now();
    this.#level = Math.min(this.capacity, this.#level + ((now - this.#at) * this.rate) / 1_000);
    this.#at = now;
    return this.#level;
  }

  /** Milliseconds until so much is there; undefined: never. */
  waitFor(amount: number): number | undefined {
    if (amount > this.capacity || (this.rate === 0 && amount > this.level)) return undefined;
    return Math.max(0, Math.ceil(((amount - this.level) * 1_000) / this.rate));
  }

  add(amount: number): void {
    this.#level = Math.min(this.capacity, this.level + amount);
  }
}

export class DeniedBy extends Error {
  override name = 'DeniedBy';
}

export interface Asked {
  /** What it asks of each bucket, by the counter's id. Default: 1 of `bucket`. */
  readonly of?: Readonly<Record<string, number>>;
  readonly priority?: number;
  readonly signal?: AbortSignal;
  readonly slot?: boolean;
  /** Milliseconds that a try takes: half of them to the store, half of them back. Default: it is answered at once. */
  readonly latency?: number;
  /** What its tries fail with. */
  readonly fails?: Error;
}

export type Outcome =
  | { readonly admittedAt: number; readonly waitedMs: number }
  | { readonly refusedAt: number; readonly error: unknown };

/** Calls with names that enter one pacing, the buckets that they count on, and what came of it. */
export class Scene {
  readonly pacing: Pacing;
  readonly buckets: Readonly<Record<string, Bucket>>;
  /** Who tried, in order. */
  readonly tries: string[] = [];
  /** Who was admitted, in order. */
  readonly admitted: string[] = [];
  /** Who was given back. */
  readonly abandoned: string[] = [];
  readonly outcomes = new Map<string, Outcome>();
  readonly #start = performance.now();

  constructor(options: PacingOptions, buckets: Readonly<Record<string, Bucket>>, random = () => 0) {
    const defaults = { maxWait: 60_000, maxQueued: Infinity, maxConcurrent: Infinity, minTime: 0 };
    const given = Object.fromEntries(
      Object.entries(options).filter((entry): entry is [string, number] => entry[1] !== undefined),
    );
    this.pacing = new Pacing({ ...defaults, ...given }, random);
    this.buckets = buckets;
  }

  /** Milliseconds since the scene began. */
  get now(): number {
    return Math.round(performance.now() - this.#start);
  }

  enter(name: string, asked: Asked = {}): void {
    if (this.outcomes.has(name)) throw new Error(`${name} is there already`);
    const refuse = (error: unknown) => this.#end(name, { refusedAt: this.now, error });
    let entered: number | Promise<number>;
    try {
      entered = this.pacing.enter(this.applicant(name, asked));
    } catch (error) {
      refuse(error);
      return;
    }
    const admit = (waitedMs: number) => {
      this.admitted.push(name);
      this.#end(name, { admittedAt: this.now, waitedMs });
    };
    if (entered instanceof Promise) entered.then(admit, refuse);
    else admit(entered);
  }

  /** What it was refused with, once it was. */
  errorOf(name: string): unknown {
    const outcome = this.outcomes.get(name);
    return outcome !== undefined && 'error' in outcome ? outcome.error : undefined;
  }

  /** Admitted to the time that it has waited. */
  applicant(name: string, { of = { bucket: 1 }, ...asked }: Asked): Applicant<number> {
    const { priority = 5, slot = true, latency, fails } = asked;
    const attempt = (waitedMs: number): Attempted<number> => {
      if (fails !== undefined) throw fails;
      const denied = this.#denial(of);
      if (denied !== undefined) return denied;
      for (const [counter, amount] of Object.entries(of)) this.buckets[counter]?.add(-amount);
      return { admitted: waitedMs };
    };
    return {
      priority,
      signal: asked.signal,
      slot,
      counters: () => Object.keys(of),
      attempt: (waitedMs) => {
        this.tries.push(name);
        return latency === undefined ? attempt(waitedMs) : answered(latency, () => attempt(waitedMs));
      },
      abandon: () => {
        this.abandoned.push(name);
        for (const [counter, amount] of Object.entries(of)) this.buckets[counter]?.add(amount);
        this.pacing.poke();
      },
      canFit: () => Object.entries(of).every(([counter, amount]) => this.#couldFit(counter, amount)),
      denialUntried: () => new DeniedBy('untried'),
      denialOfSlot: ({ limit, max, used }) => new DeniedBy(`${limit}, ${used} of ${max}`),
    };
  }

  #couldFit(counter: string, amount: number): boolean {
    const bucket = this.buckets[counter];
    return bucket === undefined || amount <= bucket.capacity;
  }

  #denial(of: Readonly<Record<string, number>>): Extract<Attempted<number>, { error: Error }> | undefined {
    let longest: { counter: string; wait: number } | undefined;
    for (const [counter, amount] of Object.entries(of)) {
      const bucket = this.buckets[counter];
      if (bucket === undefined || bucket.level >= amount - 1e-6) continue;
      const wait = bucket.waitFor(amount) ?? Infinity;
      if (longest === undefined || wait > longest.wait) longest = { counter, wait };
    }
    if (longest === undefined) return undefined;
    const { counter, wait } = longest;
    return { error: new DeniedBy(counter), counter, waitMs: wait === Infinity ? undefined : wait };
  }

  #end(name: string, outcome: Outcome): void {
    if (this.outcomes.has(name)) throw new Error(`${name} ended twice`);
    this.outcomes.set(name, outcome);
  }
}

async function answered<T>(latency: number, decide: () => T): Promise<T> {
  await pause(latency / 2);
  const answer = decide();
  await pause(latency / 2);
  return answer;
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
