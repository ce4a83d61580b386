import { isPresent, keysOf, raised, settled } from './counting.ts';
import { type Change, KeyvCounters, type KeyvInstance } from './keyv-counters.ts';
import { OpenReservations, TimedMap } from './open-reservations.ts';
import {
  type Admission,
  type AdmitOp,
  type CounterStore,
  RESERVATION_KEPT,
  type Reading,
  type SettleOp,
  type StoredReservation,
} from './store.ts';

/** What budgets on the same Keyv instance have in common. */
interface Shared {
  readonly counters: KeyvCounters;
  readonly reservations: OpenReservations;
  readonly notes: TimedMap<string>;
}

const shared = new WeakMap<KeyvInstance, Shared>();

/**
 * Counters in a Keyv instance on whatever adapter, by its own `get`, `set` and `delete`, which no adapter makes one
 * atomic step: one operation at a time, in this process. Limits hold for this process alone, and it says so once for each
 * kind of adapter. Open reservations and notes are kept in memory: those of a process that ends are forgotten, and its
 * estimates stand.
 */
export class KeyvStore implements CounterStore {
  readonly scope = 'process';
  readonly #keyv: KeyvInstance;
  readonly #shared: Shared;

  constructor(keyv: KeyvInstance) {
    this.#keyv = keyv;
    let known = shared.get(keyv);
    if (known === undefined) {
      known = {
        counters: new KeyvCounters(keyv),
        reservations: new OpenReservations(),
        notes: new TimedMap(RESERVATION_KEPT),
      };
      shared.set(keyv, known);
    }
    this.#shared = known;
  }

  admit(reservation: StoredReservation, ops: readonly AdmitOp[], now?: number): Promise<Admission> {
    return this.#exclusive(now, async ({ counters, reservations }, now) => {
      if (!ops.every((op) => isPresent(op, now))) return { admitted: 'stale', values: [], now };
      const values = await counters.read(keysOf(ops));
      const changes: Change[] = [];
      for (const [i, op] of ops.entries()) {
        const after = raised(op, values[i], now);
        if (after === undefined) return { admitted: false, values, now };
        changes.push({ counter: op, before: values[i], after });
      }
      if (reservations.isClosed(reservation.id, now)) return { admitted: false, values, now };
      await counters.write(changes, now);
      reservations.open(reservation, now);
      return { admitted: true, values: changes.map(({ after }) => after), now };
    });
  }

  settle({ id }: StoredReservation, ops: readonly SettleOp[], certain: boolean, now?: number): Promise<void> {
    return this.#exclusive(now, async ({ counters, reservations }, now) => {
      const open = reservations.isOpen(id, now);
      if (certain ? !open : reservations.isClosed(id, now)) return;
      const values = await counters.read(keysOf(ops));
      const changes: Change[] = [];
      for (const [i, op] of ops.entries()) {
        const after = settled(op, values[i], open, now);
        if (after !== undefined) changes.push({ counter: op, before: values[i], after });
      }
      await counters.write(changes, now);
      // Not before: a settlement that failed is tried again.
      reservations.close(id, !certain, now);
    });
  }

  read(keys: readonly string[], now?: number): Promise<Reading> {
    return this.#exclusive(now, async ({ counters }, now) => ({ values: await counters.read(keys), now }));
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#exclusive(undefined, ({ counters }) => counters.delete(keys));
  }

  reservations(key: string, now = Date.now()): StoredReservation[] {
    return this.#shared.reservations.of(key, now);
  }

  note(name: string, text: string, now = Date.now()): void {
    this.#shared.notes.set(name, text, now);
  }

  noted(name: string, now = Date.now()): string | undefined {
    return this.#shared.notes.get(name, now);
  }

  #exclusive<T>(given: number | undefined, operate: (shared: Shared, now: number) => Promise<T>): Promise<T> {
    warnOf(this.#keyv);
    return this.#shared.counters.exclusive(given, (now) => operate(this.#shared, now));
  }
}

const WARNING_CODE = 'GOVERNED_OPENAI_ONE_PROCESS';
const WARNING_DETAIL =
  'No operation of this adapter is atomic, as far as governed-openai knows. Processes that share it, or several Keyv ' +
  'instances on it, can overspend a limit together; a process that dies between two writes leaves one limit charged ' +
  'and another not; its open reservations and notes of background responses are forgotten. For processes of one ' +
  'machine use fileStore(path) of governed-openai; for many machines @keyv/redis, @keyv/valkey, @keyv/postgres or ' +
  '@keyv/mysql.';

/** Names of adapters that this process has been warned of. */
const warned = new Set<string>();

function warnOf(keyv: KeyvInstance): void {
  const adapter = adapterName(keyv);
  if (warned.has(adapter)) return;
  warned.add(adapter);
  const message = `the limits of a budget on the Keyv adapter ${adapter} hold for this process alone`;
  if (typeof globalThis.process?.emitWarning === 'function') {
    process.emitWarning(message, { type: 'BudgetWarning', code: WARNING_CODE, detail: WARNING_DETAIL });
  } else {
    console.warn(`[${WARNING_CODE}] ${message}\n${WARNING_DETAIL}`);
  }
}

/** Version 6 puts an adapter of its own around those of version 5. */
function adapterName({ store }: KeyvInstance): string {
  const inner = isAdapter(store) && 'store' in store && isAdapter(store.store) ? store.store : store;
  return (typeof inner === 'object' && inner?.constructor?.name) || 'unknown';
}

function isAdapter(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'get' in value && 'set' in value;
}
