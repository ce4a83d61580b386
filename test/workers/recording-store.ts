import { AsyncLocalStorage } from 'node:async_hooks';
import type {
  Admission,
  AdmitOp,
  Awaitable,
  CounterStore,
  Reading,
  SettleOp,
  StoredReservation,
} from '../../src/stores/store.ts';
import { asked, type Call } from './calls.ts';
import type { Trace } from './trace.ts';

/** A call under way, and the reservation of its attempt that is admitted but not sent yet. */
export interface UnderWay {
  readonly call: Call;
  /** Answered in the next window only. */
  readonly held: boolean;
  attempts: number;
  admitted: string | undefined;
}

export const underWay = new AsyncLocalStorage<UnderWay>();

export function currentCall(): UnderWay {
  const current = underWay.getStore();
  if (current === undefined) throw new Error('this belongs to no call');
  return current;
}

const FOREVER = { start: 0, end: Infinity };
/** Each worker has a digit of a counter to count its settlements in; four such digits are within 53 bits. */
const BASE = 2 ** 13;
const DIGITS = 4;
/** Of so many settlements, one is delivered twice, as happens when its answer was lost. */
const TWICE_EVERY = 4;

/**
 * Records what a store decides, and where each decision stands in the one order of all operations of all workers. For
 * that it has the store raise some counters more in the very step in which it raises those of the budget: admissions
 * are numbered, and every admission and denial is told how many settlements of each worker came before it. A worker
 * therefore settles one reservation after the other.
 */
export class RecordingStore implements CounterStore {
  readonly trace: Trace = { decisions: [], settlements: [], billed: new Map() };
  readonly #store: CounterStore;
  readonly #worker: number;
  readonly #admissions: string;
  readonly #settlements: readonly string[];
  #settled: Promise<unknown> = Promise.resolve();

  /**
   * @param scope distinguishes this run from others on the same store
   * @param worker from 0 to 7
   */
  constructor(store: CounterStore, scope: string, worker: number) {
    this.#store = store;
    this.#worker = worker;
    this.#admissions = `${scope}:admissions`;
    this.#settlements = [`${scope}:settlements:0`, `${scope}:settlements:1`];
  }

  get scope(): CounterStore['scope'] {
    return this.#store.scope;
  }

  async admit(reservation: StoredReservation, ops: readonly AdmitOp[], now?: number): Promise<Admission> {
    const current = currentCall();
    const counted = { span: FOREVER, room: Infinity };
    const all: AdmitOp[] = [...ops, { ...counted, key: this.#admissions, amount: 1 }];
    for (const key of this.#settlements) all.push({ ...counted, key, amount: 0 });
    const admission = await this.#store.admit(reservation, all, now);
    if (admission.admitted === 'stale') return admission;
    const values = admission.values.slice(0, ops.length);
    const [admissions = 0, ...settlements] = admission.values.slice(ops.length);
    this.trace.decisions.push({
      id: reservation.id,
      user: reservation.key,
      asked: asked(current.call),
      admitted: admission.admitted,
      now: admission.now,
      values,
      admissions,
      settlements: settlements.flatMap(digitsOf),
    });
    if (admission.admitted) current.admitted = reservation.id;
    return { ...admission, values };
  }

  settle(
    reservation: StoredReservation,
    ops: readonly SettleOp[],
    certain: boolean,
    now?: number,
  ): Promise<void> {
    const key = this.#settlements[Math.floor(this.#worker / DIGITS)] as string;
    const used = BASE ** (this.#worker % DIGITS);
    const all = [...ops, { key, span: FOREVER, reserved: 0, used }];
    const settled = this.#settled.then(async () => {
      const nth = this.trace.settlements.push(reservation.id);
      for (let times = nth % TWICE_EVERY === 0 ? 2 : 1; times > 0; times--)
        await this.#store.settle(reservation, all, certain, now);
    });
    this.#settled = settled;
    return settled;
  }

  read(keys: readonly string[], now?: number): Awaitable<Reading> {
    return this.#store.read(keys, now);
  }

  delete(keys: readonly string[]): Awaitable<void> {
    return this.#store.delete(keys);
  }

  reservations(key: string, now?: number): Awaitable<readonly StoredReservation[]> {
    return this.#store.reservations(key, now);
  }

  note(name: string, text: string, now?: number): Awaitable<void> {
    return this.#store.note(name, text, now);
  }

  noted(name: string, now?: number): Awaitable<string | undefined> {
    return this.#store.noted(name, now);
  }
}

function digitsOf(value = 0): number[] {
  return Array.from({ length: DIGITS }, (_, i) => Math.floor(value / BASE ** i) % BASE);
}
