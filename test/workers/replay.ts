import { type Amounts, type TestLimit, windowAt } from './limits.ts';
import { Bucket, type Counter, Quota } from './model.ts';
import type { Decision, Trace } from './trace.ts';

/**
 * What all workers did, done again by the model, one operation after the other in the order that the store told. Throws
 * at the first admission of what does not fit into every limit, at the first denial of what does, and wherever the store
 * says that a counter holds something else than what was admitted and settled up to there.
 *
 * So no limit is exceeded by what was admitted, in any window at any moment; whenever a call was denied, less than it
 * asked for was left of some limit; and a denial, or a settlement that comes twice, changes nothing.
 */
export class Replay {
  denied = 0;
  /** Counters that a call did not fit into, by the name of their limit. */
  readonly full = new Map<string, Set<Counter>>();
  /** Reservations that nobody settled. */
  readonly open = new Map<string, Decision>();
  /** Settlements of what was reserved in a window that was over by then. */
  late = 0;
  readonly #admissions: Decision[] = [];
  readonly #limits: readonly TestLimit[];
  readonly #traces: readonly Trace[];
  readonly #billed: ReadonlyMap<string, Amounts>;
  readonly #counters = new Map<string, Counter>();
  /** Settlements done again so far, by worker. */
  readonly #settled: number[] = [];
  #now = 0;

  /** @param traces by worker; those of workers that settle nothing come last */
  constructor(limits: readonly TestLimit[], traces: readonly Trace[]) {
    this.#limits = limits;
    this.#traces = traces;
    this.#billed = new Map(traces.flatMap(({ billed }) => [...billed]));
    const decisions = traces.flatMap((trace) => trace.decisions).sort(byOrder);
    for (const decision of decisions) this.#decide(decision);
    for (const [worker, { settlements }] of traces.entries()) this.#settleTo(worker, settlements.length);
    for (const counter of this.#counters.values()) if (counter instanceof Bucket) counter.checkEverySpan();
    const sent = this.#billed.size;
    if (sent !== this.admitted) throw new Error(`${this.admitted} attempts were admitted, but ${sent} sent`);
  }

  get admitted(): number {
    return this.#admissions.length;
  }

  /**
   * What was really used in the window of a fixed limit that holds the moment, by the calls that were admitted in it;
   * where that is not known, what they asked for.
   */
  used(limit: TestLimit, user: string, moment: number): number {
    const { start, end } = windowAt(limit, moment);
    let sum = 0;
    for (const { id, user: caller, now } of this.#admissions) {
      const counts = (limit.key !== undefined || caller === user) && start <= now && now < end;
      if (counts) sum += this.#billed.get(id)?.[limit.unit] ?? 0;
    }
    return sum;
  }

  /** When all that is used of a rolling limit will have drained, in Unix milliseconds. */
  drainedAt(limit: TestLimit, user: string): number {
    const counter = this.#counter(limit, user, 0);
    return counter instanceof Bucket ? counter.drainedAt : NaN;
  }

  /** The counter of a limit for a user, in the window that holds the moment. */
  #counter(limit: TestLimit, user: string, now: number): Counter {
    const fixed = limit.window === 'fixed';
    const id = [limit.name, limit.key ?? user, fixed ? windowAt(limit, now).start : 'rolling'].join();
    const known = this.#counters.get(id);
    if (known !== undefined) return known;
    const made = fixed ? new Quota(limit) : new Bucket(limit);
    this.#counters.set(id, made);
    return made;
  }

  #decide(decision: Decision): void {
    const { id, user, asked, admitted, admissions, now, values } = decision;
    for (const [worker, count] of decision.settlements.entries()) this.#settleTo(worker, count);
    this.#now = now;
    if (admitted) {
      this.#admissions.push(decision);
      this.open.set(id, decision);
      if (!this.#billed.has(id)) throw new Error(`${id} was admitted, but not sent`);
    } else {
      this.denied++;
    }
    if (admissions !== this.admitted) throw new Error(`the store counts ${admissions}, not ${this.admitted}`);
    const full: string[] = [];
    for (const [i, limit] of this.#limits.entries()) {
      const { name, unit } = limit;
      const counter = this.#counter(limit, user, now);
      if (counter.decide(asked[unit], admitted, values[i], now).fits) continue;
      full.push(name);
      this.full.set(name, (this.full.get(name) ?? new Set()).add(counter));
    }
    if (admitted && full.length > 0) throw new Error(`${id} was admitted beyond ${full.join()}`);
    if (!admitted && full.length === 0) throw new Error(`${id} was denied, but it fits into every limit`);
  }

  /** Does the settlements of a worker up to its n-th. */
  #settleTo(worker: number, n: number): void {
    const done = this.#settled[worker] ?? 0;
    const ids = this.#traces[worker]?.settlements ?? [];
    if (n < done || n > ids.length) throw new Error(`worker ${worker} has settled ${n} after ${done}`);
    for (const id of ids.slice(done, n)) this.#settle(id);
    this.#settled[worker] = n;
  }

  #settle(id: string): void {
    const reservation = this.open.get(id);
    const used = this.#billed.get(id);
    if (reservation === undefined || used === undefined) throw new Error(`${id} is settled, but not open`);
    this.open.delete(id);
    const isOver = (limit: TestLimit) => windowAt(limit, reservation.now).end <= this.#now;
    if (this.#limits.some((limit) => limit.window === 'fixed' && isOver(limit))) this.late++;
    for (const limit of this.#limits) {
      const change = used[limit.unit] - reservation.asked[limit.unit];
      this.#counter(limit, reservation.user, reservation.now).settle(change);
    }
  }
}

/** A denial comes after the admission that it counts as the last. Where nothing tells two denials apart, nothing is to. */
function byOrder(a: Decision, b: Decision): number {
  return (
    a.admissions - b.admissions ||
    Number(b.admitted) - Number(a.admitted) ||
    sum(a.settlements) - sum(b.settlements) ||
    a.now - b.now
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
