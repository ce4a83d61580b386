import { checkKey } from './checks.ts';
import type { BudgetClock } from './clock.ts';
import { BudgetStoreError } from './errors.ts';
import type { Events, ReservationEvent, SettlementSource } from './events.ts';
import type { Room } from './fit.ts';
import type { Ledger } from './ledger.ts';
import type { Call } from './limits/call.ts';
import { type Charge, chargeOf } from './limits/charge.ts';
import { quotaExceeded } from './limits/denial.ts';
import { type LimitPreview, limitPreview } from './limits/preview.ts';
import { limitUsage } from './limits/state.ts';
import type { ResolvedOptions } from './options.ts';
import { OpenReservation, type Purpose } from './reservation.ts';
import type { Admission } from './stores/store.ts';
import { UNITS, type Unit, type Usage } from './usage.ts';
import { Warnings } from './warnings.ts';

/** How often an admission is tried: again when its windows are not those of the store's clock, or when less may fit. */
const TRIES = 4;

/** How a call can do with less. */
export interface Flexible {
  /** The least it can do with: what it asks for if it is denied. */
  readonly least: Usage;
  /** Less to reserve, that fits into the room there is; undefined if nothing does. */
  fitInto(room: Room): Usage | undefined;
}

/** A call at the gate. */
interface Applicant {
  readonly call: Call;
  readonly key: string;
  readonly flexible: Flexible | undefined;
}

/** The gate of a budget: lets a call in if it fits into every limit that applies, and tells what came of it. */
export class Admissions {
  readonly #options: ResolvedOptions;
  readonly #clock: BudgetClock;
  readonly #ledger: Ledger;
  readonly #events: Events;
  readonly #warnings: Warnings;

  constructor(options: ResolvedOptions, clock: BudgetClock, ledger: Ledger, events: Events) {
    this.#options = options;
    this.#clock = clock;
    this.#ledger = ledger;
    this.#events = events;
    this.#warnings = new Warnings(options.warnAt);
  }

  /**
   * At once if the store answers at once. Throws as `Budget.reserve()` does.
   *
   * @param flexible the call can do with less than `usage`
   */
  admit(call: Call, usage: Usage, flexible?: Flexible): OpenReservation | Promise<OpenReservation> {
    return this.#admitAt({ call, key: this.keyOf(call), flexible }, usage, this.#clock.now(), TRIES);
  }

  /** How the limits of a call stand, and what it asks of them. Reserves nothing. @throws BudgetStoreError */
  async preview(call: Call, usage: Usage): Promise<{ key: string; limits: LimitPreview[] }> {
    const key = this.keyOf(call);
    const { charges, values, now } = await this.#ledger.read('read', (at) =>
      this.#chargesOf(call, key, usage, at),
    );
    return { key, limits: charges.map((charge, i) => limitPreview(charge, values[i], now)) };
  }

  #admitAt(
    applicant: Applicant,
    usage: Usage,
    now: number,
    tries: number,
  ): OpenReservation | Promise<OpenReservation> {
    const { call, key, flexible } = applicant;
    const charges = this.#chargesOf(call, key, usage, now);
    const counted = charges.every(asksAnything) ? charges : charges.filter(asksAnything);
    const purpose: Purpose = { key, plan: call.caller.plan, endpoint: call.endpoint, model: call.model };
    const reservation = new OpenReservation(purpose, usage, charges, now, this.#close);
    const conclude = (admission: Admission) => {
      if (admission.admitted === 'stale') {
        if (tries > 1) return this.#admitAt(applicant, usage, admission.now, tries - 1);
        throw new BudgetStoreError(
          'admit',
          new Error('it answers more slowly than the windows of the limits last'),
        );
      }
      if (admission.admitted !== true) {
        const less = tries > 1 ? flexible?.fitInto(roomOf(counted, admission)) : undefined;
        if (less !== undefined) return this.#admitAt(applicant, less, admission.now, tries - 1);
        throw this.#denial(call, flexible?.least ?? usage, counted, admission);
      }
      this.#tell(reservation, counted, admission);
      return reservation;
    };
    const admission = this.#ledger.admit(reservation, counted);
    return admission instanceof Promise ? admission.then(conclude) : conclude(admission);
  }

  #denial(call: Call, usage: Usage, counted: readonly Charge[], { values, now }: Admission) {
    const { model, endpoint, caller } = call;
    const asked = counted.map((charge) => ({ ...charge, requested: usage[charge.limit.unit] }));
    const error = quotaExceeded(asked, values, { model, plan: caller.plan }, now);
    this.#events.emit('denied', () => ({ error, endpoint, model, estimate: usage }));
    return error;
  }

  #tell(reservation: OpenReservation, counted: readonly Charge[], admission: Admission): void {
    if (this.#events.heard('admitted')) {
      const exceeded = exceededLimits(counted, admission);
      this.#events.emit('admitted', () => ({ ...eventOf(reservation), exceeded }));
    }
    if (this.#events.heard('warning')) this.#warn(counted, admission);
  }

  readonly #close = (
    reservation: OpenReservation,
    usage: Usage | undefined,
    source: SettlementSource,
  ): void => {
    this.#ledger.settle(reservation, usage);
    this.#events.closed(() => eventOf(reservation), usage, source);
  };

  #warn(charges: readonly Charge[], { values, now }: Admission): void {
    for (const [i, { limit, key, storeKey }] of charges.entries()) {
      const state = limitUsage(limit, key, values[i], now);
      const share = this.#warnings.passed(storeKey, state, limit, now);
      if (share !== undefined) this.#events.emit('warning', () => ({ ...state, share }));
    }
  }

  /** The counter key of a call. @throws BudgetOptionError if a function of the app gives none */
  keyOf(call: Call): string {
    const key = call.caller.key ?? this.#options.key;
    return typeof key === 'function' ? checkKey('budget.key(call)', key(call)) : checkKey('key', key);
  }

  #chargesOf(call: Call, key: string, usage: Usage, now: number): Charge[] {
    const charges: Charge[] = [];
    for (const limit of this.#options.limits) {
      if (!limit.applies(call)) continue;
      const own =
        typeof limit.key === 'function'
          ? checkKey(`key(call) of limit ${limit.name}`, limit.key(call))
          : limit.key;
      charges.push(chargeOf(limit, own ?? key, usage[limit.unit], now));
    }
    return charges;
  }
}

function asksAnything(charge: Charge): boolean {
  return charge.requested > 0;
}

/** The limits with `onExceeded: 'allow'` that an admission went beyond. */
function exceededLimits(charges: readonly Charge[], { values, now }: Admission): string[] {
  const isExceeded = ({ limit }: Charge, i: number) => {
    const { floor, room } = limit.window.at(now);
    return (values[i] ?? floor) > floor + room;
  };
  return charges.filter(isExceeded).map(({ limit }) => limit.name);
}

/** What is left of the tightest limit in each unit. */
function roomOf(charges: readonly Charge[], { values, now }: Admission): Room {
  const left = (unit: Unit) => {
    let least = Infinity;
    for (const [i, { limit, key }] of charges.entries()) {
      if (limit.unit !== unit || limit.onExceeded === 'allow') continue;
      least = Math.min(least, limitUsage(limit, key, values[i], now).remaining);
    }
    return least;
  };
  return Object.fromEntries(UNITS.map((unit) => [unit, left(unit)])) as unknown as Room;
}

function eventOf({ id, purpose, usage }: OpenReservation): ReservationEvent {
  return { id, ...purpose, estimate: usage };
}
