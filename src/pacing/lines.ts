import { Alarm } from './alarm.ts';
import type { Gate } from './gate.ts';
import { Line } from './line.ts';
import type { Applicant, Waiter } from './waiter.ts';

/**
 * A line wakes up to this share of its sleep later, and at most so many milliseconds: workers that share a counter are
 * told the same moment, and would all try at once. With each time that others were faster it is twice as much, so that
 * of many workers not all ask for each room that there is.
 */
const JITTER_SHARE = 0.1;
const MAX_JITTER = 50;
const MAX_JITTER_LOST = 500;

/**
 * The lines of those who wait, one for each counter that denied somebody and one for a slot, and whose turn it is: the
 * first of a line tries when it may fit, and the next while they are admitted. Nobody tries before one that goes before
 * it and counts on the same counter, in whatever line that is.
 */
export class Lines {
  /** Of those who wait for a slot and have not tried. */
  readonly slotLine = new Line(undefined, (line) => this.serve(line));
  /** Of counters; none is empty. */
  readonly #lines = new Map<string, Line>();
  /** Those whose first waits for a slot. */
  readonly #stalled = new Set<Line>();
  readonly #gate: Gate | undefined;
  readonly #gateAlarm = new Alarm(() => this.serveStalled());
  readonly #attempt: (waiter: Waiter, line: Line) => Promise<void>;
  readonly #random: () => number;

  /**
   * @param attempt lets one try, who is then out of its line unless it was denied by its counter
   * @param random from 0 to 1
   */
  constructor(
    gate: Gate | undefined,
    attempt: (waiter: Waiter, line: Line) => Promise<void>,
    random: () => number,
  ) {
    this.#gate = gate;
    this.#attempt = attempt;
    this.#random = random;
  }

  /** The line that one who arrives has to join before it has tried. */
  lineBefore(applicant: Applicant<unknown>, gate: Gate | undefined): Line | undefined {
    if (this.#lines.size > 0) {
      for (const counter of applicant.counters()) {
        const line = this.#lines.get(counter);
        if (line !== undefined) return line;
      }
    }
    return gate === undefined || gate.isOpen ? undefined : this.slotLine;
  }

  lineOf(counter: string): Line {
    const known = this.#lines.get(counter);
    if (known !== undefined) return known;
    const line = new Line(counter, (line) => this.serve(line));
    this.#lines.set(counter, line);
    return line;
  }

  /** Whether it waits for a slot, however its counter stands. */
  isStalled(line: Line): boolean {
    return this.#stalled.has(line);
  }

  /** Moves one into a line. */
  join(waiter: Waiter, line: Line): void {
    this.leave(waiter);
    line.add(waiter);
    if (line === this.slotLine) {
      this.#stalled.add(line);
      this.serveStalled();
    } else this.#rest(line);
  }

  /** Takes one out of the line that it is in. */
  leave(waiter: Waiter): void {
    const { line } = waiter;
    if (line === undefined) return;
    line.remove(waiter);
    if (line.first !== undefined) {
      this.#rest(line);
      return;
    }
    line.alarm.clear();
    this.#stalled.delete(line);
    if (this.#stalled.size === 0) this.#gateAlarm.clear();
    if (line.counter !== undefined) this.#lines.delete(line.counter);
  }

  /** Lets the first of each line try again. */
  poke(counters: Iterable<string> | undefined): void {
    if (this.#lines.size === 0) return;
    const now = performance.now();
    for (const counter of counters ?? this.#lines.keys()) {
      const line = this.#lines.get(counter);
      if (line === undefined) continue;
      line.pokedAt = now;
      line.call();
    }
  }

  /** Gives free slots to those who wait for one, the best first. */
  serveStalled(): void {
    while (this.#stalled.size > 0 && this.#gate !== undefined) {
      if (!this.#gate.isOpen) {
        if (this.#gate.opensAt > performance.now()) this.#gateAlarm.set(this.#gate.opensAt);
        return;
      }
      const best = this.#bestStalled();
      if (best === undefined) return;
      void this.serve(best);
    }
  }

  /** A turn of a line, begun at once: the first tries, and when it is out of the line the next, until one is denied. */
  async serve(line: Line): Promise<void> {
    if (line.isRunning) return;
    line.isRunning = true;
    line.alarm.clear();
    const { first } = line;
    const isDue = first !== undefined && first.readyAt > -Infinity && first.readyAt <= performance.now();
    await this.#drain(line);
    line.isRunning = false;
    if (line.first !== first) line.racesLost = 0;
    else if (isDue) line.racesLost++;
    if (line.first !== undefined) this.#rest(line);
    this.serveStalled();
  }

  async #drain(line: Line): Promise<void> {
    for (let waiter = this.#next(line); waiter !== undefined; waiter = this.#next(line)) {
      const ahead = this.#lineAhead(waiter);
      if (ahead === undefined) {
        await this.#attempt(waiter, line);
        if (waiter.line === line) return;
      } else {
        // Its turn had come: it may fit when those before it are gone.
        waiter.readyAt = -Infinity;
        this.join(waiter, ahead);
      }
    }
  }

  /** Who of a line tries next; while its first waits for a slot, one that needs none. */
  #next(line: Line): Waiter | undefined {
    this.#stalled.delete(line);
    const { first } = line;
    if (first?.gate === undefined) return first;
    if (first.gate.isOpen && !this.#bestStalled()?.first?.goesBefore(first)) return first;
    this.#stalled.add(line);
    return line.firstWithoutSlot;
  }

  /** Another line that has one before it, for a counter that it counts on too. */
  #lineAhead(waiter: Waiter): Line | undefined {
    for (const counter of waiter.counters) {
      const line = this.#lines.get(counter);
      if (line !== waiter.line && line?.first?.goesBefore(waiter)) return line;
    }
    return undefined;
  }

  /** Not one in whose turn somebody tries already. */
  #bestStalled(): Line | undefined {
    let best: Line | undefined;
    for (const line of this.#stalled) {
      if (line.isRunning || line.first === undefined) continue;
      if (best?.first === undefined || line.first.goesBefore(best.first)) best = line;
    }
    return best;
  }

  /** Lets a line sleep until its first may fit. */
  #rest(line: Line): void {
    const first = this.#stalled.has(line) ? line.firstWithoutSlot : line.first;
    if (first === undefined) {
      line.alarm.clear();
      return;
    }
    const sleep = first.readyAt - performance.now();
    if (sleep <= 0 || first.triedAt <= line.pokedAt) {
      line.call();
      return;
    }
    const usual = Math.min(sleep * JITTER_SHARE, MAX_JITTER);
    const jitter = this.#random() * Math.min(usual * 2 ** line.racesLost, MAX_JITTER_LOST);
    line.alarm.set(first.readyAt + jitter);
  }
}
