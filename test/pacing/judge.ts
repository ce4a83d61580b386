import type { Applicant, Attempted } from '../../src/pacing.ts';
import type { ResolvedPacing } from '../../src/pacing-options.ts';
import { type Asked, type Bucket, Scene } from './scene.ts';

export interface JudgedCall extends Asked {
  /** Milliseconds that it is under way once it is admitted. */
  readonly lasts: number;
}

/** A call as the judge knows it. */
interface Known {
  readonly name: string;
  readonly of: Readonly<Record<string, number>>;
  readonly slot: boolean;
  readonly rank: number;
  readonly arrival: number;
  readonly deadline: number;
  /** The moment since which it could have been admitted, while it could. */
  fitsSince: number | undefined;
}

/**
 * Milliseconds within which one that fits is to be admitted: the longest jitter, the time between two turns, what
 * Bottleneck takes, and a try or two.
 */
const PROMPT = 50 + 20 + 10;

/** A scene that judges each try, and each moment, by rules that share no code with the source. */
export class JudgedScene extends Scene {
  /** What was against the rules. */
  readonly offences: string[] = [];
  readonly #options: ResolvedPacing;
  readonly #waiting = new Map<string, Known>();
  #arrivals = 0;
  #active = 0;
  #lastStart = -Infinity;
  #starting = 0;
  /** As if the last start had not been; a call whose caller has left is given back as soon as it is admitted. */
  #cancelStart: (() => void) | undefined;

  constructor(options: ResolvedPacing, buckets: Readonly<Record<string, Bucket>>, random: () => number) {
    super(options, buckets, random);
    this.#options = options;
  }

  /** Calls under way. */
  get active(): number {
    return this.#active;
  }

  override enter(name: string, asked: JudgedCall): void {
    super.enter(name, asked);
    // It listens after the pacing does.
    asked.signal?.addEventListener('abort', () => this.#waiting.delete(name));
  }

  override applicant(name: string, asked: JudgedCall): Applicant<number> {
    const applicant = super.applicant(name, asked);
    const { maxWait } = this.#options;
    const { of = { bucket: 1 } } = asked;
    const now = performance.now();
    const known: Known = {
      name,
      of,
      slot: applicant.slot,
      rank: now + (applicant.priority * maxWait) / 10,
      arrival: this.#arrivals++,
      deadline: now + maxWait,
      fitsSince: undefined,
    };
    this.#waiting.set(name, known);
    const conclude = (attempted: Attempted<number> | undefined) => {
      if (known.slot) this.#starting--;
      if (attempted !== undefined && 'counter' in attempted) {
        const { waitMs } = attempted;
        if (waitMs !== undefined && performance.now() + waitMs <= known.deadline) return;
      }
      this.#waiting.delete(name);
      if (attempted !== undefined && 'admitted' in attempted && known.slot) this.#start(name, asked.lasts);
    };
    return {
      ...applicant,
      abandon: (admitted) => {
        if (known.slot) this.#cancelStart?.();
        applicant.abandon(admitted);
      },
      attempt: (waitedMs) => {
        if (asked.latency === undefined) this.#judgeTry(known);
        if (known.slot) {
          this.#starting++;
          if (this.#active + this.#starting > this.#options.maxConcurrent) this.#accuse(name, 'had no slot');
        }
        let attempted: Attempted<number> | Promise<Attempted<number>> | undefined;
        try {
          attempted = applicant.attempt(waitedMs);
          return attempted;
        } finally {
          if (attempted instanceof Promise) attempted.then(conclude, () => conclude(undefined));
          else conclude(attempted);
        }
      },
    };
  }

  /** To be called every few milliseconds. */
  judgeMoment(): void {
    const now = performance.now();
    const { maxQueued } = this.#options;
    if (this.pacing.waiting > maxQueued) this.#accuse('more than maxQueued', 'wait');
    for (const [counter, { level }] of Object.entries(this.buckets)) {
      if (level < -1e-3) this.#accuse(counter, 'was exceeded');
    }
    for (const known of this.#waiting.values()) {
      if (this.outcomes.has(known.name)) {
        this.#waiting.delete(known.name);
        continue;
      }
      if (!this.#couldStart(known)) known.fitsSince = undefined;
      else known.fitsSince ??= now;
      if (known.fitsSince !== undefined && now - known.fitsSince > PROMPT) {
        this.#accuse(known.name, `could have been admitted since ${now - known.fitsSince} ms`);
      }
    }
  }

  #start(name: string, lasts: number): void {
    this.#active++;
    const now = performance.now();
    if (now - this.#lastStart < this.#options.minTime) this.#accuse(name, 'started too early');
    const previous = this.#lastStart;
    this.#lastStart = now;
    const ending = setTimeout(() => {
      this.#active--;
      this.pacing.leave();
    }, lasts);
    this.#cancelStart = () => {
      clearTimeout(ending);
      this.#active--;
      this.#lastStart = previous;
    };
  }

  /** Nobody may try before one that waits for some of the same, whatever of it that is. */
  #judgeTry(known: Known): void {
    if (performance.now() > known.deadline) this.#accuse(known.name, 'tried after its time');
    for (const other of this.#waiting.values()) {
      if (other === known || this.outcomes.has(other.name) || other.deadline <= performance.now()) continue;
      if (goesBefore(other, known) && includes(known, other) && (known.slot || !other.slot)) {
        this.#accuse(known.name, `tried before ${other.name}`);
      }
    }
  }

  #couldStart(known: Known): boolean {
    for (const [counter, amount] of Object.entries(known.of)) {
      if ((this.buckets[counter]?.level ?? 0) < amount) return false;
    }
    for (const other of this.#waiting.values()) {
      if (other !== known && goesBefore(other, known) && share(other, known)) return false;
    }
    if (!known.slot) return true;
    const { maxConcurrent, minTime } = this.#options;
    return this.#active < maxConcurrent && performance.now() - this.#lastStart >= minTime;
  }

  #accuse(name: string, what: string): void {
    this.offences.push(`${name} ${what} at ${this.now}`);
  }
}

function goesBefore(a: Known, b: Known): boolean {
  return a.rank === b.rank ? a.arrival < b.arrival : a.rank < b.rank;
}

function includes(a: Known, b: Known): boolean {
  return Object.keys(b.of).every((counter) => counter in a.of);
}

function share(a: Known, b: Known): boolean {
  return Object.keys(a.of).some((counter) => counter in b.of);
}
