import { BudgetStoreError } from './errors.ts';
import type { Charge } from './limits/charge.ts';
import { Settlements } from './settlements.ts';
import type { AdjustOp, Admission, AdmitOp, CounterStore } from './stores/store.ts';
import type { Usage } from './usage.ts';

/** Admitted although the store failed: written nowhere. */
export const UNCOUNTED: Admission = { admitted: true, values: [] };
const NOTHING: Admission = { admitted: true, values: [] };

/** The budget's side of the store: turns charges into operations on counters, and failures into BudgetStoreErrors. */
export class Ledger {
  readonly #store: CounterStore;
  readonly #onStoreError: 'reject' | 'allow';
  readonly #failed: (error: BudgetStoreError) => void;
  readonly #settlements: Settlements;

  /** @param failed told of every failure of the store */
  constructor(
    store: CounterStore,
    onStoreError: 'reject' | 'allow',
    clock: () => number,
    failed: (error: BudgetStoreError) => void,
  ) {
    this.#store = store;
    this.#onStoreError = onStoreError;
    this.#failed = failed;
    this.#settlements = new Settlements(store, clock, failed);
  }

  /** All or nothing; at once if the store answers at once. UNCOUNTED if it fails and `onStoreError` is 'allow'. @throws BudgetStoreError */
  admit(charges: readonly Charge[], now: number): Admission | Promise<Admission> {
    if (charges.length === 0) return NOTHING;
    try {
      const answer = this.#store.admit(charges.map(admitOp), now);
      return 'then' in answer ? this.#later(answer) : answer;
    } catch (cause) {
      return this.#passOrThrow(cause);
    }
  }

  async #later(answer: PromiseLike<Admission>): Promise<Admission> {
    try {
      return await answer;
    } catch (cause) {
      return this.#passOrThrow(cause);
    }
  }

  #passOrThrow(cause: unknown): Admission {
    const error = this.#failure('admit', cause);
    if (this.#onStoreError === 'allow') return UNCOUNTED;
    throw error;
  }

  /** Replaces what was charged by what was used (undefined: nothing); in the store now or, if it is away, later. */
  settle(charges: readonly Charge[], usage: Usage | undefined, now: number): void {
    const ops: AdjustOp[] = [];
    for (const charge of charges) {
      const op = adjustOp(charge, usage?.[charge.limit.unit] ?? 0, now);
      if (op !== undefined) ops.push(op);
    }
    this.#settlements.add(ops);
  }

  /** @throws BudgetStoreError */
  async read(charges: readonly Charge[], now: number): Promise<readonly (number | undefined)[]> {
    try {
      return await this.#store.read(keysOf(charges), now);
    } catch (cause) {
      throw this.#failure('read', cause);
    }
  }

  /** Once all settlements so far are in the store: forgets the counters. @throws BudgetStoreError */
  async delete(charges: readonly Charge[]): Promise<void> {
    await this.flush();
    try {
      await this.#store.delete(keysOf(charges));
    } catch (cause) {
      throw this.#failure('reset', cause);
    }
  }

  async flush(): Promise<void> {
    await this.#settlements.flush();
  }

  #failure(operation: string, cause: unknown): BudgetStoreError {
    const error = new BudgetStoreError(operation, cause);
    this.#failed(error);
    return error;
  }
}

function keysOf(charges: readonly Charge[]): string[] {
  return charges.map(({ storeKey }) => storeKey);
}

function admitOp({ limit, storeKey, bounds, requested }: Charge): AdmitOp {
  return {
    key: storeKey,
    floor: bounds.floor,
    ceiling: limit.onExceeded === 'allow' ? Infinity : bounds.ceiling,
    amount: limit.window.toStore(requested),
    expiresAt: bounds.expiresAt,
  };
}

/** In the window of the charge; undefined if nothing changes, or that window has ended. */
function adjustOp(
  { limit, storeKey, bounds, requested }: Charge,
  used: number,
  now: number,
): AdjustOp | undefined {
  const delta = limit.window.toStore(used) - limit.window.toStore(requested);
  if (delta === 0) return undefined;
  if (limit.window.kind === 'rolling') {
    const { floor, expiresAt } = limit.window.at(now);
    return { key: storeKey, floor, delta, expiresAt, extend: Math.max(0, delta) };
  }
  if (now >= bounds.expiresAt) return undefined;
  return { key: storeKey, floor: 0, delta, expiresAt: bounds.expiresAt, extend: 0 };
}
