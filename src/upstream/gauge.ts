import type { CompiledLimit } from '../limits/limit.ts';
import { EPOCH } from '../limits/window.ts';
import type { Counted } from '../reservation.ts';
import type { Usage } from '../usage.ts';
import { Drift, type Mark } from './drift.ts';
import { nameOf, type RateUnit, rateLimit } from './limits.ts';
import type { RateReading } from './rate-headers.ts';
import { RefillPeriod } from './refill-period.ts';

/**
 * Share of the API's limit that is never used at once, and the least of it in requests. It takes up that calls reach the
 * API sooner or later after they were admitted: as much as refills meanwhile, 3 seconds of a minute. It costs no rate.
 */
const MARGIN = 0.05;
const LEAST_MARGIN = 2;

/**
 * Share of the limit that calls may take at once beyond what the API has shown, for what one answer shows of how it counts
 * tokens. The error of a sum grows with the root of its parts, so what is not shown yet may, too.
 */
const FIRST_SHARE = 0.1;
const MOST_ANSWERS = 1_024;

/** What the API may take for one of our units; beyond it something else is wrong. */
const LEAST_FACTOR = 1 / 16;
const MOST_FACTOR = 16;
/** Of a first answer no more, or less, is believed: others use the account. */
const PLAUSIBLE = 4;
/** How much of what the answers show of the factor it is changed by; and the most that is believed of them. */
const GAIN = 0.5;
const MOST_CHANGE = 2;
/** So far the factor may be off. */
const TOLERATED_RATIO = 0.05;

/** Share of what fits at once by which the counter may be off. */
const TOLERATED = 0.005;
/** Share of the period that is corrected at one answer. */
const URGENT = MARGIN / 2;

/** What workers share of a gauge. */
export interface SharedGauge {
  readonly max: number;
  readonly periodMs: number;
  readonly factor: number;
  readonly answers: number;
  readonly used: number;
}

/** One bucket of the API, the limit that keeps calls within it, and how far the two are apart. */
export class Gauge {
  readonly #unit: RateUnit;
  readonly #model: string;
  readonly #period = new RefillPeriod();
  readonly #drift = new Drift();
  /** What the API takes for one of our units; others who use the account make it more. */
  #factor = 1;
  /** Answers that were seen, of all workers before. */
  #answers = 0;
  /** Of the bucket, when it was seen last. */
  #used = 0;
  #limit: CompiledLimit | undefined;
  #periodMs = 0;

  constructor(unit: RateUnit, model: string) {
    this.#unit = unit;
    this.#model = model;
  }

  /** Undefined if nothing is known of it. */
  get limit(): CompiledLimit | undefined {
    return this.#limit;
  }

  get shared(): SharedGauge | undefined {
    if (this.#limit === undefined) return undefined;
    return {
      max: this.#limit.max,
      periodMs: this.#periodMs,
      factor: this.#factor,
      answers: this.#answers,
      used: this.#used,
    };
  }

  /** Takes over what another worker has learned. */
  assume({ max, periodMs, factor, answers, used }: SharedGauge): void {
    this.#period.assume(periodMs);
    this.#factor = factor;
    this.#answers = answers;
    this.#used = used;
    this.#compile(max);
  }

  /**
   * Learns how large the bucket is, and how fast it fills.
   *
   * @param usage the estimate of the call
   * @param accepted the call is counted in the bucket
   */
  learn(reading: RateReading, usage: Usage, accepted: boolean): void {
    const { max, remaining } = reading;
    if (accepted && this.#answers === 0 && this.#unit === 'tokens' && usage.promptTokens > 0) {
      // As if the call was alone: too much rather than too little.
      const factor = (max - remaining) / usage.promptTokens;
      this.#factor = Math.min(PLAUSIBLE, Math.max(1 / PLAUSIBLE, factor));
    }
    if (accepted) this.#period.learn(reading);
    this.#answers = Math.min(this.#answers + 1, MOST_ANSWERS);
    this.#used = max - remaining;
    this.#compile(max);
  }

  /** The API tells of it no more. */
  forget(): void {
    this.#limit = undefined;
    this.#drift.restart();
  }

  /** Where an attempt found the counter. Undefined if it is not counted there. */
  mark({ charges, values, now }: Counted): Mark | undefined {
    const i = charges.findIndex(({ limit, key }) => limit.name === nameOf(this.#unit) && key === this.#model);
    const charge = charges[i];
    const value = values[i];
    return charge === undefined || value === undefined
      ? undefined
      : this.#drift.mark(value, charge.limit.window.toStore(charge.requested), now, this.#periodMs);
  }

  /** The moment, since EPOCH, at which the bucket has refilled, of which `reading` tells how it stood at `at`. */
  refilledAt({ max, remaining, resetMs }: RateReading, at: number): number {
    const left = resetMs ?? ((max - remaining) / max) * this.#periodMs;
    return at - EPOCH + Math.min(left, this.#periodMs);
  }

  /** Compares the bucket with where an attempt found the counter. */
  observe(mark: Mark, reading: RateReading): void {
    this.#drift.observe(mark, this.refilledAt(reading, mark.at));
  }

  /** By how much the counter is to be moved. */
  get correction(): number {
    if (this.#limit === undefined) return 0;
    return this.#drift.correction(this.#limit.window.toStore(this.#limit.capacity) * TOLERATED);
  }

  /** Whether the counter should be moved, or the factor changed, by now. */
  get isOff(): boolean {
    if (this.#limit === undefined) return false;
    if (this.#drift.isKnown && Math.abs(this.#drift.ratio - 1) > TOLERATED_RATIO) return true;
    const { correction } = this;
    return correction !== 0 && (this.#drift.isKnown || correction > this.#periodMs * URGENT);
  }

  /**
   * The counter was moved, and by nobody else since the first of the answers that were compared.
   *
   * @param since the moment it was moved before that
   */
  moved(by: number, since: number): void {
    const rise = by > 0 ? this.#drift.ratioOfRise(by, since) : 0;
    const ratio = Math.max(rise, this.#drift.ratio);
    const change = Math.max(1 / MOST_CHANGE, Math.min(MOST_CHANGE, ratio)) ** GAIN;
    const least = this.#unit === 'requests' ? 1 : LEAST_FACTOR;
    this.#factor = Math.max(least, Math.min(MOST_FACTOR, this.#factor * change));
    this.restart();
  }

  /** Takes over how workers count by now. */
  adopt({ max, factor, answers, used }: SharedGauge): void {
    if (max !== this.#limit?.max) return;
    this.#factor = factor;
    this.#answers = Math.max(this.#answers, answers);
    this.#used = Math.max(this.#used, used);
    this.#compile(max);
  }

  /** What was seen before counts no more. */
  restart(): void {
    this.#drift.restart();
  }

  /** Where the counter has to be, so that nobody is admitted before `until`. */
  heldUntil(until: number): number | undefined {
    if (this.#limit === undefined) return undefined;
    const { window, capacity } = this.#limit;
    return until - EPOCH + window.toStore(capacity - 1);
  }

  #compile(max: number): void {
    const periodMs = this.#period.ms;
    const capacity = this.#capacityOf(max);
    const known = this.#limit;
    // The last digits of a period that is none of the usual ones may change with each answer.
    const isSamePeriod = Math.abs(periodMs - this.#periodMs) < periodMs / 1_000;
    if (known?.max === max && known.capacity === capacity && isSamePeriod) return;
    this.#periodMs = periodMs;
    const count = (usage: Usage) =>
      this.#unit === 'requests' ? this.#factor : Math.ceil(usage.promptTokens * this.#factor);
    this.#limit = rateLimit({ unit: this.#unit, model: this.#model, max, periodMs, capacity, count });
  }

  /** The most at once. */
  #capacityOf(max: number): number {
    const most = Math.max(1, max - Math.max(LEAST_MARGIN, max * MARGIN));
    if (this.#unit === 'requests') return most;
    return Math.min(most, this.#used + Math.max(1, max * FIRST_SHARE * Math.sqrt(this.#answers)));
  }
}
