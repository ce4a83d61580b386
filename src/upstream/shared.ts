import { isFiniteNumber } from '../checks.ts';
import type { BudgetClock } from '../clock.ts';
import { BudgetStoreError } from '../errors.ts';
import { isFields, parseFields } from '../json.ts';
import { EPOCH } from '../limits/window.ts';
import { safeKey } from '../safe-key.ts';
import type { CounterStore, StoredReservation } from '../stores/store.ts';
import { usageOf } from '../usage.ts';
import type { SharedGauge } from './gauge.ts';
import type { RateUnit } from './limits.ts';

/** A counter of a bucket, and by how much it is to be moved. */
export interface Move {
  readonly storeKey: string;
  readonly by: number;
}

export type SharedModel = { readonly [U in RateUnit]?: SharedGauge };

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
   * @returns whether it did, and since when they are as they are; undefined if the store failed
   */
  async move(moves: readonly Move[], at: number): Promise<{ moved: boolean; since: number } | undefined> {
    return this.#ask('correct', async () => {
      const { moved, lastAt } = await this.#move(moves, at - ON_ITS_WAY);
      return { moved, since: lastAt + ON_ITS_WAY };
    });
  }

  /** Raises counters to values at least. */
  async raise(counters: readonly { readonly storeKey: string; readonly to: number }[]): Promise<void> {
    await this.#ask('correct', async () => {
      for (let tries = 0; tries < TRIES; tries++) {
        const keys = counters.map(({ storeKey }) => storeKey);
        const { values, now } = await this.#store.read(keys, this.#clock.imposed());
        const moves = counters.map(({ storeKey, to }, i) => ({
          storeKey,
          by: to - Math.max(values[i] ?? 0, now - EPOCH),
        }));
        const upward = moves.filter(({ by }) => by > 0);
        if (upward.length === 0 || (await this.#move(upward, now)).moved) return;
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

  async #move(moves: readonly Move[], at: number) {
    const now = this.#clock.now();
    const event: StoredReservation = {
      id: crypto.randomUUID(),
      key: '',
      endpoint: '',
      model: '',
      usage: usageOf({}),
      reservedAt: at,
    };
    // A counter that is raised from `at` or before to `now`: it is never below the moment of the last move.
    const span = Math.max(0, now - at);
    const last = {
      key: `upstream%20moved:${safeKey(this.#model)}`,
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
    return { moved, lastAt: moved ? now : (values[0] ?? 0) + EPOCH };
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
  const { max, periodMs, factor, answers } = value;
  const isPositive = (number: unknown) => isFiniteNumber(number) && number > 0;
  const isWhole = [max, periodMs, factor, answers].every(isPositive);
  return isWhole ? ({ max, periodMs, factor, answers } as SharedGauge) : undefined;
}
