import { isFiniteNumber } from '../checks.ts';
import { BudgetError } from '../errors.ts';
import { keptUntil } from './counting.ts';
import type { Counter } from './store.ts';
import { StoreTimeout } from './watched.ts';

/** A Keyv instance, of version 5 or 6, by what is used of it. */
export interface KeyvInstance {
  readonly store: unknown;
  readonly namespace?: string | undefined;
  get(key: string): unknown;
  getRaw?(key: string): unknown;
  /** @param ttl milliseconds; 0: without end, whatever the instance's default is */
  set(key: string, value: unknown, ttl?: number): unknown;
  delete(key: string): unknown;
}

/** A Keyv instance did not do what it was asked, and no error of its adapter says why. */
export class KeyvStoreError extends BudgetError {
  override name = 'KeyvStoreError';
  readonly code: 'NOT_WRITTEN' | 'NOT_DELETED' | 'NOT_A_NUMBER' | 'FAILED';

  constructor(code: KeyvStoreError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** A counter, what it was, and what it is to be. */
export interface Change {
  readonly counter: Counter;
  readonly before: number | undefined;
  readonly after: number;
}

/**
 * How long the adapter has to answer, in milliseconds. An answer that was lost must not keep all that comes after it
 * from being done.
 */
const ANSWERS_WITHIN = 10_000;

/** So that counters are not mixed up with what the app keeps in the instance. */
const PREFIX = 'governed:';

type ErrorListener = (error: unknown) => void;

interface Emitter {
  on(event: 'error', listener: ErrorListener): unknown;
  off(event: 'error', listener: ErrorListener): unknown;
}

/**
 * The counters in a Keyv instance, for one operation at a time, and with failures that cannot be missed: Keyv itself
 * takes a read that failed for a value that is not there, which would be "nothing spent".
 */
export class KeyvCounters {
  readonly #keyv: KeyvInstance;
  readonly #emitters: readonly Emitter[];
  #last: Promise<unknown> = Promise.resolve();
  /** Counters that a failed write may have changed, and what they were. */
  readonly #undo = new Map<string, Omit<Change, 'after'>>();

  constructor(keyv: KeyvInstance) {
    this.#keyv = keyv;
    // The adapter too: version 5 can be told not to pass its errors on.
    this.#emitters = [keyv, keyv.store].filter(isEmitter);
  }

  /** Runs an operation when those before it have ended, and what a failed one left behind is restored. */
  exclusive<T>(given: number | undefined, operate: (now: number) => Promise<T>): Promise<T> {
    const answer = this.#last.then(async () => {
      const now = given ?? Date.now();
      await this.#restore(now);
      return operate(now);
    });
    this.#last = Promise.allSettled([answer]);
    return answer;
  }

  async read(keys: readonly string[]): Promise<(number | undefined)[]> {
    return this.#together(keys.map((key) => () => this.#get(key)));
  }

  /** All of them or none: what was written is taken back if not all can be, now or before the next operation. */
  async write(changes: readonly Change[], now: number): Promise<void> {
    try {
      await this.#together(
        changes.map(
          ({ counter, after }) =>
            () =>
              this.#set(counter, after, now),
        ),
      );
    } catch (error) {
      for (const { counter, before } of changes) this.#undo.set(counter.key, { counter, before });
      // If this fails too, it is tried again before anything else is done: see `exclusive`.
      await Promise.allSettled([this.#restore(now)]);
      throw error;
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    await this.#together(keys.map((key) => () => this.#delete(key)));
  }

  async #restore(now: number): Promise<void> {
    if (this.#undo.size === 0) return;
    const undo = [...this.#undo.values()].map(
      ({ counter, before }) =>
        () =>
          before === undefined ? this.#delete(counter.key) : this.#set(counter, before, now),
    );
    await this.#together(undo);
    this.#undo.clear();
  }

  async #get(key: string): Promise<number | undefined> {
    // A `get` of version 5 whose adapter fails is answered with undefined, and nobody is told; a `getRaw` is not.
    const raw = this.#keyv.getRaw
      ? await this.#keyv.getRaw(PREFIX + key)
      : entryOf(await this.#keyv.get(PREFIX + key));
    if (raw === undefined || raw === null) return undefined;
    const value: unknown = typeof raw === 'object' ? Reflect.get(raw, 'value') : undefined;
    if (isFiniteNumber(value)) return value;
    throw new KeyvStoreError('NOT_A_NUMBER', 'a counter of the budget holds something that is no number');
  }

  async #set(counter: Counter, value: number, now: number): Promise<void> {
    const kept = keptUntil(counter, value, now) - now;
    const ttl = kept === Infinity ? 0 : Math.max(1, Math.ceil(kept));
    if ((await this.#keyv.set(PREFIX + counter.key, value, ttl)) === false) {
      throw new KeyvStoreError('NOT_WRITTEN', 'Keyv did not write a counter');
    }
  }

  async #delete(key: string): Promise<void> {
    // Its answer is false for a failure, and also for a counter that was not there: so one looks.
    await this.#keyv.delete(PREFIX + key);
    if ((await this.#get(key)) !== undefined) {
      throw new KeyvStoreError('NOT_DELETED', 'Keyv did not delete a counter');
    }
  }

  /**
   * Makes the calls at once, and ends with the last of them.
   *
   * @throws what was thrown by one of them, or emitted meanwhile: it may belong to another call of the app, but then the
   * adapter fails just now as well
   */
  async #together<T>(calls: readonly (() => Promise<T>)[]): Promise<T[]> {
    const emitted: unknown[] = [];
    const listener = (error: unknown) => emitted.push(error);
    for (const emitter of this.#emitters) emitter.on('error', listener);
    try {
      const results = await inTime(Promise.allSettled(calls.map((call) => call())));
      if (emitted.length > 0) throw errorOf(emitted[0]);
      return results.map((result) => {
        if (result.status === 'rejected') throw errorOf(result.reason);
        return result.value;
      });
    } finally {
      for (const emitter of this.#emitters) emitter.off('error', listener);
    }
  }
}

function isEmitter(value: unknown): value is Emitter {
  if (typeof value !== 'object' || value === null) return false;
  return ['on', 'off'].every((name) => typeof Reflect.get(value, name) === 'function');
}

function entryOf(value: unknown): unknown {
  return value === undefined || value === null ? undefined : { value };
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error
    ? thrown
    : new KeyvStoreError('FAILED', 'Keyv failed, with something that is no error', thrown);
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new StoreTimeout(`Keyv did not answer within ${ANSWERS_WITHIN} ms`)),
      ANSWERS_WITHIN,
    );
  });
  try {
    return await Promise.race([answer, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
