import { guarded } from './guarded.ts';
import { Gate } from './pacing/gate.ts';
import type { Line } from './pacing/line.ts';
import { Lines } from './pacing/lines.ts';
import { type Applicant, type Attempted, type Denied, Waiter } from './pacing/waiter.ts';
import type { ResolvedPacing } from './pacing-options.ts';

export type { Applicant, Attempted, Denied } from './pacing/waiter.ts';

/**
 * Lets calls wait: for the counter that denied them, and for a slot where only so many may be under way. Of those who
 * wait for the same, the best by priority and arrival tries first. Knows nothing of limits and stores: applicants try.
 */
export class Pacing {
  readonly #options: ResolvedPacing;
  /** Undefined: any number of calls may start at any time. */
  readonly #gate: Gate | undefined;
  readonly #lines: Lines;
  #waiting = 0;
  #arrivals = 0;
  /** The last poke of any counter, by `performance.now()`. */
  #pokedAt = -Infinity;

  /** @param random from 0 to 1, for tests */
  constructor(options: ResolvedPacing, random: () => number = Math.random) {
    const { maxConcurrent, minTime } = options;
    this.#options = options;
    this.#gate = maxConcurrent < Infinity || minTime > 0 ? new Gate(maxConcurrent, minTime) : undefined;
    this.#lines = new Lines(this.#gate, (waiter, line) => this.#try(waiter, line), random);
  }

  /** Calls that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * What the applicant is admitted to: at once if its attempt admits it at once and nobody waits before it. Throws or
   * rejects with the error of its denial when it cannot wait or has waited `maxWait`, with the reason of its signal, or
   * with what its attempt throws. One that can never fit is refused at once, whoever waits.
   */
  enter<T>(applicant: Applicant<T>): T | Promise<T> {
    applicant.signal?.throwIfAborted();
    const gate = applicant.slot ? this.#gate : undefined;
    const line = this.#lines.lineBefore(applicant, gate);
    // What a waiter ends with is what its applicant was admitted to.
    if (line !== undefined) return this.#queue(this.#waiterOf(applicant, gate), line) as Promise<T>;
    gate?.take();
    let attempted: Attempted<T> | Promise<Attempted<T>>;
    try {
      attempted = applicant.attempt(0);
    } catch (error) {
      this.#cancel(gate);
      throw error;
    }
    if (attempted instanceof Promise) {
      return this.#enterLater(this.#waiterOf(applicant, gate), attempted) as Promise<T>;
    }
    if ('admitted' in attempted) {
      this.#start(gate);
      return attempted.admitted;
    }
    this.#cancel(gate);
    const waiter = this.#waiterOf(applicant, gate);
    this.#deny(waiter, attempted, false);
    return waiter.ended as Promise<T>;
  }

  /** A call that took a slot has ended. */
  leave(): void {
    this.#gate?.leave();
    this.#lines.serveStalled();
  }

  /**
   * Room may have been made, and the store knows: the first of each line tries again.
   *
   * @param counters ids of the counters where; default: anywhere
   */
  poke(counters?: Iterable<string>): void {
    this.#pokedAt = performance.now();
    this.#lines.poke(counters);
  }

  #waiterOf(applicant: Applicant<unknown>, gate: Gate | undefined): Waiter {
    return new Waiter(applicant, gate, this.#arrivals++, this.#options.maxWait);
  }

  async #enterLater(waiter: Waiter, attempting: Promise<Attempted<unknown>>): Promise<unknown> {
    const { applicant, gate } = waiter;
    let attempted: Attempted<unknown>;
    try {
      attempted = await attempting;
    } catch (error) {
      this.#cancel(gate);
      throw error;
    }
    if ('admitted' in attempted) {
      this.#start(gate);
      return attempted.admitted;
    }
    this.#cancel(gate);
    applicant.signal?.throwIfAborted();
    this.#deny(waiter, attempted, this.#pokedAt >= waiter.triedAt);
    return waiter.ended;
  }

  /** Lets one wait that has not tried. */
  #queue(waiter: Waiter, line: Line): Promise<unknown> {
    const { maxQueued } = this.#options;
    const { applicant, gate } = waiter;
    const opensTooLate = line.counter === undefined && (gate?.opensAt ?? 0) > waiter.deadline;
    if (!applicant.canFit()) void waiter.refuseWith(() => applicant.denialUntried());
    else if (this.#waiting >= maxQueued || opensTooLate) this.#refuse(waiter, line);
    else this.#join(waiter, line);
    return waiter.ended;
  }

  async #try(waiter: Waiter, line: Line): Promise<void> {
    const { applicant, gate } = waiter;
    let attempted: Attempted<unknown>;
    waiter.isTrying = true;
    waiter.triedAt = performance.now();
    gate?.take();
    try {
      attempted = await applicant.attempt(waiter.triedAt - waiter.arrivedAt);
    } catch (error) {
      gate?.cancel();
      this.#end(waiter);
      waiter.refuse(error);
      return;
    }
    waiter.isTrying = false;
    const hasLeft = waiter.line === undefined;
    if ('admitted' in attempted && !hasLeft) {
      gate?.start();
      this.#end(waiter);
      waiter.admit(attempted.admitted);
      return;
    }
    gate?.cancel();
    if ('admitted' in attempted) {
      const { admitted } = attempted;
      guarded(() => applicant.abandon(admitted));
    } else if (!hasLeft) {
      // Which pokes were meant for a line that it was not in is not known.
      const pokedAt = attempted.counter === line.counter ? line.pokedAt : this.#pokedAt;
      this.#deny(waiter, attempted, pokedAt >= waiter.triedAt);
    }
  }

  /** @param missed room may have been made since it tried */
  #deny(waiter: Waiter, { error, counter, waitMs }: Denied, missed: boolean): void {
    const now = performance.now();
    const left = waiter.deadline - now;
    waiter.denied = error;
    const inVain = waitMs === undefined || left <= 0 || (waitMs > left && !missed);
    if (inVain || (waiter.line === undefined && this.#waiting >= this.#options.maxQueued)) {
      this.#end(waiter);
      waiter.refuse(error);
      return;
    }
    waiter.readyAt = missed ? -Infinity : now + waitMs;
    if (waiter.line?.counter !== counter) this.#join(waiter, this.#lines.lineOf(counter));
  }

  #join(waiter: Waiter, line: Line): void {
    if (waiter.line === undefined) {
      waiter.counters = waiter.applicant.counters();
      this.#waiting++;
      waiter.watch(
        () => this.#expire(waiter),
        () => this.#abort(waiter),
      );
    }
    this.#lines.join(waiter, line);
  }

  /** Its wait is over, if it waited. */
  #end(waiter: Waiter): void {
    if (waiter.line === undefined) return;
    this.#waiting--;
    waiter.unwatch();
    this.#lines.leave(waiter);
  }

  #abort(waiter: Waiter): void {
    this.#end(waiter);
    waiter.refuse(waiter.applicant.signal?.reason);
  }

  /** Its time is over. The first of a line has a last try, if it is not trying already. */
  #expire(waiter: Waiter): void {
    const { line } = waiter;
    if (line?.first === waiter) void this.#lines.serve(line);
    if (!waiter.isTrying && waiter.line !== undefined) this.#refuse(waiter, waiter.line);
  }

  #refuse(waiter: Waiter, line: Line): void {
    const { applicant, gate, denied } = waiter;
    const { counter } = line;
    const slots = counter === undefined || this.#lines.isStalled(line) ? gate?.usage : undefined;
    this.#end(waiter);
    if (denied !== undefined) waiter.refuse(denied);
    else if (slots !== undefined) void waiter.refuseWith(() => applicant.denialOfSlot(slots));
    else void waiter.refuseWith(() => applicant.denialUntried());
  }

  #start(gate: Gate | undefined): void {
    if (gate === undefined) return;
    gate.start();
    this.#lines.serveStalled();
  }

  #cancel(gate: Gate | undefined): void {
    if (gate === undefined) return;
    gate.cancel();
    this.#lines.serveStalled();
  }
}
