import { EPOCH } from '../limits/window.ts';

/** Where an attempt found a counter when it was admitted. */
export interface Mark {
  /** The counter with it: the moment, since EPOCH, at which all that it counts has refilled. */
  readonly value: number;
  /** The moment it was admitted, in Unix milliseconds of the store's clock. */
  readonly at: number;
  /** Of the value: what the attempt itself was counted at. */
  readonly amount: number;
  /** Of the value: at most so much may reach the API after the attempt. */
  readonly unseen: number;
}

/** Differences are averaged over about so many answers. */
const AVERAGED = 4;

/** Milliseconds by which sums of the same may differ. */
const EXACT = 0.01;

/** So many calls must have been counted since for half of what they show of the factor to be believed. */
const BELIEVED = 5;

/** Share of the period, and milliseconds, after which a call that was admitted has certainly reached the API. */
const TRANSIT_SHARE = 1 / 30;
const LONGEST_TRANSIT = 2_000;

/**
 * How far a bucket of the API and the counter that follows it are apart. Both are moments at which all that was used has
 * refilled, so that their difference does not change with time, and can be taken at a request however late its answer.
 */
export class Drift {
  /** The counter as attempts found it lately. */
  #recent: readonly Pick<Mark, 'value' | 'at'>[] = [];
  #answers = 0;
  /** By how much the bucket is ahead of the counter, and may be once all that was on its way has reached it. */
  #ahead = 0;
  #most = 0;
  /** From where the difference grows: the first answer, or a time when nothing was used. */
  #base: { readonly value: number; readonly ahead: number; readonly unseen: number } | undefined;
  /** Sums of what was counted since, squared, and multiplied by how much farther ahead the bucket was. */
  #squares = 0;
  #products = 0;
  /** What of it calls on their way before the base may have made. */
  #doubt = 0;
  /** Sums of what the attempts were counted at, and of what the bucket lacked with them. */
  #amounts = 0;
  #used = 0;
  #last: Mark | undefined;

  /** Notes where an attempt found the counter, of a bucket that fills in `periodMs`. */
  mark(value: number, amount: number, at: number, periodMs: number): Mark {
    const arrived = at - Math.min(LONGEST_TRANSIT, periodMs * TRANSIT_SHARE);
    const before = this.#recent.findLast((mark) => mark.at <= arrived);
    const last = this.#recent.at(-1);
    // Ten of them are enough to know what was counted since.
    if (last === undefined || at - last.at >= (at - arrived) / 10) {
      const kept = this.#recent.filter((mark) => mark === before || mark.at > arrived);
      this.#recent = [...kept, { value, at }];
    }
    // Counting starts at the present, so the counter was at least there.
    const valueThen = Math.max(before?.value ?? 0, arrived - EPOCH);
    return { value, at, amount, unseen: Math.max(0, value - valueThen) };
  }

  /** The answer says at which moment, since EPOCH, the bucket with the attempt in it has refilled. */
  observe(mark: Mark, refilledAt: number): void {
    const { value, at, amount, unseen } = mark;
    this.#last = mark;
    const ahead = refilledAt - value;
    this.#answers++;
    const averaged = Math.min(this.#answers, AVERAGED);
    this.#ahead += (ahead - this.#ahead) / averaged;
    this.#most += (ahead + unseen - this.#most) / averaged;
    const empty = at - EPOCH;
    // The counter was empty before the call, and so was the bucket: what others had used makes it look as if it took more.
    if (value - amount <= empty + EXACT) this.#base = { value: empty, ahead: 0, unseen: 0 };
    this.#base ??= { value, ahead, unseen };
    const counted = value - this.#base.value;
    this.#doubt += this.#base.unseen ** 2;
    this.#squares += counted ** 2;
    this.#amounts += amount;
    this.#used += refilledAt - empty;
    this.#products += counted * (ahead - this.#base.ahead);
  }

  /** Enough answers were compared to tell a difference from what is on its way. */
  get isKnown(): boolean {
    return this.#answers >= AVERAGED;
  }

  /**
   * By how much the counter is to be moved: up to where the bucket is, down only by what is certainly not on its way.
   *
   * @param tolerated a difference that is left as it is
   */
  correction(tolerated: number): number {
    if (this.#answers === 0) return 0;
    if (this.#ahead > tolerated) return this.#ahead;
    return this.#most < -tolerated ? this.#most : 0;
  }

  /**
   * What the API took for each one that was counted: a line through the differences, from 1 as long as they are not more
   * than a single call makes them; and less than 1 only beyond what all calls on their way could make them. No more than
   * the bucket lacks has been taken.
   */
  get ratio(): number {
    if (this.#squares === 0) return 1;
    const single = (BELIEVED * this.#amounts) / this.#answers;
    const all = this.#products > 0 ? 0 : this.#doubt;
    const slope = this.#products / (this.#squares + single ** 2 + all);
    return Math.max(0, Math.min(1 + slope, this.#used / this.#amounts));
  }

  /**
   * As `ratio`, by a move upwards: what the API took for each one that was counted since the last move. Where moves
   * follow each other there are too few answers between them for a line.
   *
   * @param since the moment of the last move
   */
  ratioOfRise(by: number, since: number): number {
    if (this.#last === undefined) return 1;
    const { value, at } = this.#last;
    // While calls wait the counter moves as time does; after a pause it holds all that was counted.
    const counted = Math.max(0, Math.min(at - since, value - (at - EPOCH)));
    return 1 + by / (counted + (BELIEVED * this.#amounts) / this.#answers);
  }

  /** The counter was moved: what was seen before counts no more. */
  restart(): void {
    this.#answers = 0;
    this.#ahead = 0;
    this.#most = 0;
    this.#base = undefined;
    this.#squares = 0;
    this.#products = 0;
    this.#doubt = 0;
    this.#amounts = 0;
    this.#used = 0;
    this.#last = undefined;
  }
}
