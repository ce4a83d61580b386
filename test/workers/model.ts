import { periodOf, type TestLimit } from './limits.ts';

/**
 * What a limit is, from its definition: the other side of the test. Shares no code with the source, and counts in the
 * limit's own unit. `decide` is told what the store says that a counter holds; it throws unless exactly that follows from
 * all that came before.
 */
export interface Counter {
  decide(
    asked: number,
    admitted: boolean,
    value: number | undefined,
    now: number,
  ): { readonly fits: boolean };
  /** What a settlement adds (below 0: gives back). When it did so is known only to be since the last decision. */
  settle(change: number): void;
}

/** One window of a fixed limit: whole numbers from 0 up to the max. */
export class Quota implements Counter {
  readonly #limit: TestLimit;
  #used = 0;

  constructor(limit: TestLimit) {
    this.#limit = limit;
  }

  decide(asked: number, admitted: boolean, value = 0): { fits: boolean } {
    const before = admitted ? value - asked : value;
    if (before !== this.#used) throw unlike(this.#limit, before, this.#used, this.#used);
    if (admitted) this.#used += asked;
    return { fits: before + asked <= this.#limit.max };
  }

  settle(change: number): void {
    this.#used += change;
  }
}

/** Rolling counters in a store are the moment at which all will have drained, in milliseconds since then. */
const EPOCH = Date.UTC(2026, 0, 1);
/** Of a unit: sums of fractions differ in their last bits by the order in which they are made. */
const NOISE = 0.01;

interface Change {
  /** Undefined for settlements. */
  readonly admittedAt: number | undefined;
  readonly amount: number;
}

/**
 * A token bucket of a rolling limit: what is used drains evenly, a max in a period, and an amount fits if with it no more
 * is used than the max. After a settlement above the estimate more may be used: debt, that drains first.
 */
export class Bucket implements Counter {
  readonly #limit: TestLimit;
  /** Units that drain in a millisecond. */
  readonly #rate: number;
  readonly #changes: Change[] = [];
  #used = 0;
  #at = 0;
  /** By settlements since then: all together, and those above 0. */
  #settled = 0;
  #raised = 0;

  constructor(limit: TestLimit) {
    this.#limit = limit;
    this.#rate = limit.max / periodOf(limit);
  }

  /** When all that is used will have drained, in Unix milliseconds. */
  get drainedAt(): number {
    return this.#at + (this.#used + this.#settled) / this.#rate;
  }

  decide(asked: number, admitted: boolean, value: number | undefined, now: number): { fits: boolean } {
    const used = value === undefined ? 0 : Math.max(0, EPOCH + value - now) * this.#rate;
    const before = admitted ? used - asked : used;
    // Nothing is used that has drained. Where a settlement may have met an empty bucket, it matters when it did: had it
    // met it late, all that it added is still there. As long as the bucket is in use, both are the same.
    const least = Math.max(0, this.#used - (now - this.#at) * this.#rate + this.#settled);
    const most = Math.max(least, this.#raised);
    if (before < least - NOISE || before > most + NOISE) throw unlike(this.#limit, before, least, most);
    if (admitted) this.#changes.push({ admittedAt: now, amount: asked });
    this.#used = used;
    this.#at = now;
    this.#settled = 0;
    this.#raised = 0;
    return { fits: before + asked <= this.#limit.max + (admitted ? NOISE : -NOISE) };
  }

  settle(change: number): void {
    this.#settled += change;
    this.#raised += Math.max(0, change);
    this.#changes.push({ admittedAt: undefined, amount: change });
  }

  /**
   * The promise itself, for every pair of admissions: from the one to the other, both included, no more is admitted, less
   * what settlements in between give back, than the max and what drains in the meantime.
   */
  checkEverySpan(): void {
    for (const [i, { admittedAt: from }] of this.#changes.entries()) {
      if (from === undefined) continue;
      let net = 0;
      for (const { admittedAt: to, amount } of this.#changes.slice(i)) {
        net += amount;
        if (to === undefined || net <= this.#limit.max + (to - from) * this.#rate + NOISE) continue;
        throw new Error(`${net} were admitted in ${to - from} ms, beyond ${this.#limit.max}`);
      }
    }
  }
}

function unlike({ name }: TestLimit, said: number, least: number, most: number): Error {
  return new Error(`${name}: the store says that ${said} are used, but from ${least} to ${most} are`);
}
