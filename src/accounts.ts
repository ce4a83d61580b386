import type { Ledger } from './ledger.ts';
import { type Charge, standing } from './limits/charge.ts';
import type { CompiledLimit } from './limits/limit.ts';
import { type LimitUsage, limitUsage } from './limits/state.ts';
import type { Policy } from './policy.ts';
import type { OpenReservationInfo } from './reservation.ts';
import type { Upstream } from './upstream/upstream.ts';

/** How counter keys stand: what was used, what is open. */
export class Accounts {
  readonly #ledger: Ledger;
  readonly #policy: Policy;
  readonly #upstream: Upstream | undefined;
  readonly #now: () => number;
  readonly #storeTimeout: number;

  /** @param storeTimeout milliseconds */
  constructor(
    ledger: Ledger,
    policy: Policy,
    upstream: Upstream | undefined,
    now: () => number,
    storeTimeout: number,
  ) {
    this.#ledger = ledger;
    this.#policy = policy;
    this.#upstream = upstream;
    this.#now = now;
    this.#storeTimeout = storeTimeout;
  }

  /** @throws BudgetStoreError, BudgetOptionError */
  async usage(key: string | undefined, plan: string | undefined): Promise<LimitUsage[]> {
    const own = this.#policy.ownKey(key);
    const limits = [...(await this.#policy.limitsFor(own, plan)), ...(this.#upstream?.limits ?? [])];
    const { charges, values, now } = await this.#ledger.read('read', (at) => standings(limits, own, at));
    return charges.map((charge, i) => limitUsage(charge.limit, charge.key, values[i], now));
  }

  /** Forgets the counters of a key, under all plans, and its open reservations. */
  async reset(key: string | undefined): Promise<void> {
    const own = this.#policy.ownKey(key);
    const limits = await this.#policy.allLimits(own);
    const { charges } = await this.#ledger.read('reset', (at) => standings(limits, own, at));
    const ofKey = charges.filter((charge) => charge.key === own);
    await this.#ledger.reset(own, ofKey, this.#storeTimeout);
  }

  /** Oldest first. */
  async reservations(key: string | undefined): Promise<OpenReservationInfo[]> {
    const open = await this.#ledger.reservations(this.#policy.ownKey(key));
    const now = this.#now();
    return [...open]
      .sort((a, b) => a.reservedAt - b.reservedAt)
      .map(({ id, key, endpoint, model, usage, reservedAt }) => ({
        id,
        key,
        endpoint,
        model,
        usage,
        reservedAt: new Date(reservedAt),
        ageMs: Math.max(0, now - reservedAt),
      }));
  }
}

function standings(limits: readonly CompiledLimit[], key: string, now: number): Charge[] {
  return limits.map((limit) => standing(limit, typeof limit.key === 'string' ? limit.key : key, now));
}
