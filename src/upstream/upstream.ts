import type { BudgetClock } from '../clock.ts';
import type { BudgetStoreError } from '../errors.ts';
import type { CompiledLimit } from '../limits/limit.ts';
import type { Rules } from '../policy.ts';
import type { OpenReservation } from '../reservation.ts';
import type { CounterStore } from '../stores/store.ts';
import { ColdStart } from './cold-start.ts';
import { type Marks, ObservedModel } from './observed-model.ts';
import { SharedState } from './shared.ts';

/** Models observed; the names of calls come from outside, and must not grow the memory without end. */
const REMEMBERED = 1_000;

/** What an observer needs of its budget. */
export interface UpstreamContext {
  readonly store: CounterStore;
  readonly clock: BudgetClock;
  /** Milliseconds. */
  readonly maxWait: number;
  /** Told of every failure of the store. */
  readonly failed: (error: BudgetStoreError) => void;
  /** Told when more may fit than before. */
  readonly changed: () => void;
}

interface Observed {
  readonly model: ObservedModel;
  readonly start: ColdStart;
}

/**
 * Learns the API's own limits from its answers. They become limits of the calls, admitted with all others, that all
 * workers share; what the API says is left moves their counters to where its buckets are.
 */
export class Upstream {
  readonly #context: UpstreamContext;
  readonly #models = new Map<string, Observed>();

  constructor(context: UpstreamContext) {
    this.#context = context;
  }

  /** All limits that are known. */
  get limits(): CompiledLimit[] {
    return [...this.#models.values()].flatMap(({ model }) => model.limits());
  }

  /**
   * A call of a model is about to be admitted. Resolves when enough is known for that, at once if it is.
   *
   * @throws the signal's reason
   */
  enter(name: string, signal: AbortSignal | null | undefined): UpstreamCall | Promise<UpstreamCall> {
    const { model, start } = this.#observed(name);
    const call = new UpstreamCall(model, start);
    return start.isOver ? call : start.enter(call, signal).then(() => call);
  }

  #observed(name: string): Observed {
    const known = this.#models.get(name);
    if (known !== undefined) return known;
    const { store, clock, maxWait, failed, changed } = this.#context;
    const model = new ObservedModel(name, new SharedState(store, clock, failed, name), clock.now, changed);
    const observed = { model, start: new ColdStart(() => model.recall(), maxWait) };
    if (this.#models.size >= REMEMBERED) this.#models.clear();
    this.#models.set(name, observed);
    return observed;
  }
}

/** An attempt of a call whose answer is observed. */
export class UpstreamCall {
  readonly #model: ObservedModel;
  readonly #start: ColdStart;
  #reservation: OpenReservation | undefined;
  #marks: Marks | undefined;

  constructor(model: ObservedModel, start: ColdStart) {
    this.#model = model;
    this.#start = start;
  }

  /** The rules with the API's limits as they are known at each try. */
  rulesWith(rules: Rules): Rules {
    const limits = this.#model.limits();
    return {
      ...rules,
      limits: limits.length === 0 ? rules.limits : [...rules.limits, ...limits],
      renewed: () => {
        const renewed = rules.renewed();
        return renewed instanceof Promise
          ? renewed.then((current) => this.rulesWith(current))
          : this.rulesWith(renewed);
      },
    };
  }

  admitted(reservation: OpenReservation): void {
    this.#reservation = reservation;
    this.#marks = this.#model.marksOf(reservation);
  }

  answered(response: Response): void {
    if (this.#reservation === undefined) return;
    if (this.#model.answered(response, this.#reservation, this.#marks)) this.#start.end();
    this.ended();
  }

  /** It has its answer, or will have none. */
  ended(): void {
    this.#start.leave(this);
  }
}
