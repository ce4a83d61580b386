import { standing } from '../limits/charge.ts';
import type { CompiledLimit } from '../limits/limit.ts';
import type { OpenReservation } from '../reservation.ts';
import type { Usage } from '../usage.ts';
import type { Mark } from './drift.ts';
import { Gauge } from './gauge.ts';
import type { RateUnit } from './limits.ts';
import { type RateReadings, readPause, readRates } from './rate-headers.ts';
import type { Move, SharedModel, SharedState } from './shared.ts';

/** Milliseconds between two tries of a worker to move counters, and between two looks at what others know. */
const MOVE_EVERY = 250;
const SYNC_EVERY = 1_000;

const UNITS = ['requests', 'tokens'] as const satisfies readonly RateUnit[];

/** Where an attempt found the counters. */
export type Marks = { readonly [U in RateUnit]: Mark | undefined };

/** What one worker knows of the API's limits on a model, and what it does about it. */
export class ObservedModel {
  readonly #gauges: { readonly [U in RateUnit]: Gauge };
  readonly #shared: SharedState;
  readonly #now: () => number;
  readonly #changed: () => void;
  /** The counters were moved last, as far as this worker knows: what attempts found before counts no more. */
  #movedAt = -Infinity;
  /** Of the attempts compared since. */
  #earliest = Infinity;
  #isMoving = false;
  #moveAt = -Infinity;
  #syncAt = -Infinity;

  /** @param changed told when more may fit than before */
  constructor(model: string, shared: SharedState, now: () => number, changed: () => void) {
    this.#gauges = { requests: new Gauge('requests', model), tokens: new Gauge('tokens', model) };
    this.#shared = shared;
    this.#now = now;
    this.#changed = changed;
  }

  /** The limits as they are known by now; they are tried often enough to keep up with the other workers. */
  limits(): CompiledLimit[] {
    const known = UNITS.flatMap((unit) => this.#gauges[unit].limit ?? []);
    if (known.length > 0 && this.#now() >= this.#syncAt + SYNC_EVERY) void this.#sync();
    return known;
  }

  /** Takes over what other workers have learned. False if that is nothing. */
  async recall(): Promise<boolean> {
    const shared = await this.#shared.recall();
    for (const unit of UNITS) {
      const known = shared?.[unit];
      if (known !== undefined) this.#gauges[unit].assume(known);
    }
    return shared?.requests !== undefined || shared?.tokens !== undefined;
  }

  /** Undefined if the attempt is counted nowhere: the store failed, or nothing was known. */
  marksOf({ counted }: OpenReservation): Marks | undefined {
    if (counted === undefined) return undefined;
    return { requests: this.#gauges.requests.mark(counted), tokens: this.#gauges.tokens.mark(counted) };
  }

  /** Learns from an answer of the API. True if that tells what the limits are, or that there are none. */
  answered(response: Response, { reservedAt, usage }: OpenReservation, marks: Marks | undefined): boolean {
    const readings = readRates(response.headers);
    const isAccepted = response.status !== 429;
    if (readings !== undefined) this.#learn(readings, isAccepted, reservedAt, usage, marks);
    else if (response.ok) for (const unit of UNITS) this.#gauges[unit].forget();
    const pause = readPause(response.status, response.headers);
    if (pause !== undefined) this.#hold(pause);
    return readings !== undefined || response.status < 500;
  }

  #learn(
    readings: RateReadings,
    isAccepted: boolean,
    reservedAt: number,
    usage: Usage,
    marks: Marks | undefined,
  ): void {
    let isNew = false;
    const uncounted: { storeKey: string; to: number }[] = [];
    for (const unit of UNITS) {
      const reading = readings[unit];
      if (reading === undefined) continue;
      const gauge = this.#gauges[unit];
      isNew ||= gauge.limit === undefined;
      // What the first answers have used is not counted yet.
      const isUncounted = gauge.limit === undefined && marks?.[unit] === undefined;
      const max = gauge.limit?.max;
      gauge.learn(reading, usage, isAccepted);
      const mark = marks?.[unit];
      if (isUncounted && gauge.limit !== undefined)
        uncounted.push({ storeKey: storeKeyOf(gauge.limit), to: gauge.refilledAt(reading, reservedAt) });
      if (mark === undefined || mark.at < this.#movedAt || max !== reading.max || this.#isMoving) continue;
      gauge.observe(mark, reading);
      this.#earliest = Math.min(this.#earliest, mark.at);
    }
    if (uncounted.length > 0) void this.#shared.raise(uncounted);
    if (isNew) void this.#sync();
    void this.#correct();
  }

  /** Moves the counters to where the buckets are, and learns from how far they were apart. */
  async #correct(): Promise<void> {
    const now = this.#now();
    const gauges = UNITS.map((unit) => this.#gauges[unit]);
    if (this.#isMoving || now < this.#moveAt + MOVE_EVERY || !gauges.some(({ isOff }) => isOff)) return;
    const corrections = gauges.map(({ correction }) => correction);
    const moves = gauges.flatMap(({ limit }, i): Move[] => {
      const by = corrections[i] ?? 0;
      return limit === undefined || by === 0 ? [] : [{ storeKey: storeKeyOf(limit), by }];
    });
    this.#isMoving = true;
    this.#moveAt = now;
    const before = this.#movedAt;
    const done = await this.#shared.move(moves, this.#earliest);
    if (done?.moved) await this.#adopt();
    this.#isMoving = false;
    if (done !== undefined) this.#movedAt = done.since;
    this.#earliest = Infinity;
    for (const [i, gauge] of gauges.entries()) {
      if (done?.moved) gauge.moved(corrections[i] ?? 0, before);
      else gauge.restart();
    }
    if (!done?.moved) return;
    await this.#note();
    if (moves.some(({ by }) => by < 0)) this.#changed();
  }

  /** Nobody is admitted for so many milliseconds. By the limit on requests: of it as many fit at once for all workers. */
  #hold(pauseMs: number): void {
    const { requests, tokens } = this.#gauges;
    const gauge = requests.limit === undefined ? tokens : requests;
    const to = gauge.heldUntil(this.#now() + pauseMs);
    if (gauge.limit !== undefined && to !== undefined)
      void this.#shared.raise([{ storeKey: storeKeyOf(gauge.limit), to }]);
  }

  /** Workers count alike: each takes over what was noted last, and notes what is not known yet. */
  async #sync(): Promise<void> {
    this.#syncAt = this.#now();
    const noted = await this.#adopt();
    if (isNews(this.#known, noted)) await this.#note();
  }

  async #adopt(): Promise<SharedModel> {
    const noted = (await this.#shared.recall()) ?? {};
    for (const unit of UNITS) {
      const known = noted[unit];
      if (known !== undefined) this.#gauges[unit].adopt(known);
    }
    return noted;
  }

  async #note(): Promise<void> {
    await this.#shared.note(this.#known);
  }

  get #known(): SharedModel {
    const { requests, tokens } = this.#gauges;
    return {
      ...(requests.shared && { requests: requests.shared }),
      ...(tokens.shared && { tokens: tokens.shared }),
    };
  }
}

/** Whether more, or other, is known than was noted. */
function isNews(known: SharedModel, noted: SharedModel): boolean {
  return UNITS.some((unit) => {
    const [one, other] = [known[unit], noted[unit]];
    if (one === undefined || other === undefined) return one !== other;
    return one.max !== other.max || one.periodMs !== other.periodMs || one.answers >= other.answers * 2;
  });
}

function storeKeyOf(limit: CompiledLimit): string {
  return standing(limit, String(limit.key), 0).storeKey;
}
