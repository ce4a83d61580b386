import { isFiniteNumber } from '../checks.ts';
import type { BudgetClock } from '../clock.ts';
import { BudgetStoreError } from '../errors.ts';
import { isFields, parseFields } from '../json.ts';
import { EPOCH } from '../limits/window.ts';
import { safeKey } from '../safe-key.ts';
import { type CounterStore, unlisted } from '../stores/store.ts';
import type { SharedGauge } from './gauge.ts';
import type { RateUnit } from './limits.ts';

/** A counter of a bucket, and by how much it is to be moved. */
export interface Move {
  readonly storeKey: string;
  readonly by: number;
}

export type SharedModel = { readonly [U in RateUnit]?: SharedGauge };

/** What came of a move. */
export interface Moved {
  readonly moved: boolean;
  readonly since: number;
}

/** How often a move is tried against those of others. */
const TRIES = 4;

/** Milliseconds that an operation may take to the store: who was admitted meanwhile may have found the counters as before. */
const ON_ITS_WAY = 50;

/** What workers share of a model through the store. What the store does not take is told, and given up: it ages fast. */
export class SharedState {
  readonly #store: CounterStore;
  readonly #clock: BudgetClock;
  readonly #failed: (error: BudgetStoreError) => void;
  readonly #model: string;

  /** @param failed told of every failure of the store */
  constructor(
    store: CounterStore,
    clock: BudgetClock,
    failed: (error: BudgetStoreError) => void,
    model: string,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#failed = failed;
    this.#model = model;
  }

  /**
   * Moves counters, unless any worker has moved them after `at`: as all of them see the same difference, only the first
   * may take it away.
   *
   * @param at when the counters were as the moves assume, by the store's clock
   * @returns whether it did, and from when on all know of the last move; undefined if the store failed
   */
  async move(moves: readonly Move[], at: number): Promise<Moved | undefined> {
    return this.#ask('correct', () => this.#move('moved', moves, at));
  }

  /** Raises counters to values at least. What attempts found before still shows how far to move them down. */
  async raise(counters: readonly { readonly storeKey: string; readonly to: number }[]): Promise<void> {
    const keys = counters.map(({ storeKey }) => storeKey);
    await this.#ask('correct', async () => {
      for (let tries = 0; tries < TRIES; tries++) {
        if (tries > 0) await new Promise((resolve) => setTimeout(resolve, ON_ITS_WAY));
        const { values, now } = await this.#store.read(keys, this.#clock.imposed());
        const moves = counters.map(({ storeKey, to }, i) => {
          return { storeKey, by: to - Math.max(values[i] ?? 0, now - EPOCH) };
        });
        const upward = moves.filter(({ by }) => by > 0);
        if (upward.length === 0 || (await this.#move('raised', upward, now)).moved) return;
      }
    });
  }

  /** What another worker has learned, if anything. */
  async recall(): Promise<SharedModel | undefined> {
    const text = await this.#ask('recall', async () => this.#store.noted(this.#name, this.#clock.imposed()));
    return text === undefined ? undefined : readShared(text);
  }

  async note(shared: SharedModel): Promise<void> {
    const text = JSON.stringify(shared);
    await this.#ask('note', async () => this.#store.note(this.#name, text, this.#clock.imposed()));
  }

  get #name(): string {
    return `upstream:${this.#model}`;
  }

  /** @param kind moves of each kind exclude each other */
  async #move(kind: 'moved' | 'raised', moves: readonly Move[], at: number): Promise<Moved> {
    const now = this.#clock.now() + ON_ITS_WAY;
    const event = unlisted(at);
    // A counter that is raised from `at` or before to `now`: it is never below the moment of the last move.
    const span = Math.max(0, now - at);
    const last = {
      key: `upstream%20${kind}:${safeKey(this.#model)}`,
      span: undefined,
      amount: span,
      room: span,
    };
    const ops = moves.map(({ storeKey, by }) => ({
      key: storeKey,
      span: undefined,
      amount: by,
      room: Infinity,
    }));
    const { admitted, values } = await this.#store.admit(event, [last, ...ops], at);
    const moved = admitted === true;
    if (moved) await this.#store.settle(event, [], true, this.#clock.imposed());
    return { moved, since: moved ? now : (values[0] ?? 0) + EPOCH };
  }

  async #ask<T>(operation: string, operate: () => Promise<T>): Promise<T | undefined> {
    try {
      return await operate();
    } catch (cause) {
      this.#failed(new BudgetStoreError(operation, cause));
      return undefined;
    }
  }
}

function readShared(text: string): SharedModel {
  const fields = parseFields(text);
  const requests = readGauge(fields?.['requests']);
  const tokens = readGauge(fields?.['tokens']);
  return { ...(requests && { requests }), ...(tokens && { tokens }) };
}

function readGauge(value: unknown): SharedGauge | undefined {
  if (!isFields(value)) return undefined;
  const { max, periodMs, factor, answers, used } = value;
  const isPositive = (number: unknown) => isFiniteNumber(number) && number > 0;
  const isRight = [max, periodMs, factor, answers].every(isPositive) && isFiniteNumber(used) && used >= 0;
  return isRight ? ({ max, periodMs, factor, answers, used } as SharedGauge) : undefined;
}
