import type { BudgetClock } from './clock.ts';
import { BudgetStoreError } from './errors.ts';
import type { Events, ReservationEvent } from './events.ts';
import type { Room } from './fit.ts';
import type { Ledger } from './ledger.ts';
import { type Call, planName } from './limits/call.ts';
import { type Charge, chargedFor, chargeOf } from './limits/charge.ts';
import { type Denial, denialOf } from './limits/denial.ts';
import { type LimitPreview, limitPreview } from './limits/preview.ts';
import { limitUsage } from './limits/state.ts';
import type { ResolvedOptions } from './options.ts';
import type { Rules } from './policy.ts';
import { type Ending, OpenReservation } from './reservation.ts';
import { exceededLimits, limitsOfReservation } from './standing.ts';
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
  admit(rules: Rules, usage: Usage, flexible?: Flexible): OpenReservation | Promise<OpenReservation> {
    const attempted = this.#attempt(rules, usage, flexible);
    const conclude = (result: OpenReservation | Denial) => {
      if (result instanceof OpenReservation) return result;
      const { endpoint, model } = rules.call;
      const estimate = flexible?.least ?? usage;
      this.#events.emit('denied', () => ({ error: result.error, endpoint, model, estimate }));
      throw result.error;
    };
    return attempted instanceof Promise ? attempted.then(conclude) : conclude(attempted);
  }

  /** How the limits of a call stand, and what it asks of them. Reserves nothing. @throws BudgetStoreError */
  async preview(rules: Rules, usage: Usage): Promise<LimitPreview[]> {
    const { charges, values, now } = await this.#ledger.read('read', (at) => chargesOf(rules, usage, at));
    return charges.map((charge, i) => limitPreview(charge, values[i], now));
  }

  #attempt(
    rules: Rules,
    usage: Usage,
    flexible: Flexible | undefined,
    now = this.#clock.now(),
    tries = TRIES,
  ): OpenReservation | Denial | Promise<OpenReservation | Denial> {
    const charges = chargesOf(rules, usage, now);
    const counted = charges.every(asksAnything) ? charges : charges.filter(asksAnything);
    const reservation = new OpenReservation(purposeOf(rules), usage, charges, now, this.#close);
    const conclude = (admission: Admission) => {
      if (admission.admitted === 'stale') {
        if (tries > 1) return this.#attempt(rules, usage, flexible, admission.now, tries - 1);
        throw new BudgetStoreError(
          'admit',
          new Error('it answers more slowly than the windows of the limits last'),
        );
      }
      if (admission.admitted !== true) {
        const less = tries > 1 ? flexible?.fitInto(roomOf(counted, admission)) : undefined;
        if (less !== undefined) return this.#attempt(rules, less, flexible, admission.now, tries - 1);
        return this.#denial(rules.call, flexible?.least ?? usage, counted, admission);
      }
      reservation.counted = { charges: counted, values: admission.values, now: admission.now };
      this.#tell(reservation);
      return reservation;
    };
    const admission = this.#ledger.admit(reservation, counted);
    return admission instanceof Promise ? admission.then(conclude) : conclude(admission);
  }

  #denial(call: Call, usage: Usage, counted: readonly Charge[], { values, now }: Admission): Denial {
    const asked = counted.map((charge) => ({ ...charge, requested: chargedFor(charge, usage) }));
    return denialOf(asked, values, call, now, this.#options.headers);
  }

  #tell(reservation: OpenReservation): void {
    this.#events.emit('admitted', () => ({
      ...eventOf(reservation),
      limits: limitsOfReservation(reservation),
      exceeded: exceededLimits(reservation),
    }));
    if (this.#events.heard('warning')) this.#warn(reservation);
  }

  readonly #close = (reservation: OpenReservation, ending: Ending): void => {
    this.#ledger.settle(reservation, ending);
    const { usage, source } = ending;
    if (usage === undefined) this.#events.emit('refunded', () => eventOf(reservation));
    else {
      this.#events.emit('settled', () => ({
        ...eventOf(reservation),
        limits: limitsOfReservation(reservation, ending),
        usage,
        source,
      }));
    }
  };

  #warn({ counted }: OpenReservation): void {
    if (counted === undefined) return;
    const { charges, values, now } = counted;
    for (const [i, charge] of charges.entries()) {
      const state = limitUsage(charge.limit, charge.key, values[i], now);
      const passed = this.#warnings.passed(charge, state, now);
      if (passed === undefined) continue;
      const { share, span } = passed;
      const tell = () => this.#events.emit('warning', () => ({ ...state, share }));
      this.#ledger.once(`warned of ${share}: ${charge.storeKey}`, span, tell);
    }
  }
}

function chargesOf({ call, key, limits }: Rules, usage: Usage, now: number): Charge[] {
  return limits.map((limit) => chargeOf(limit, call, key, usage, now));
}

function asksAnything(charge: Charge): boolean {
  return charge.requested > 0;
}

/** What is left of the tightest limit in each unit. */
function roomOf(charges: readonly Charge[], { values, now }: Admission): Room {
  const left = (unit: Unit) => {
    let least = Infinity;
    for (const [i, { limit, key, weight, counted }] of charges.entries()) {
      if (limit.unit !== unit || limit.onExceeded === 'allow' || counted !== undefined) continue;
      least = Math.min(least, limitUsage(limit, key, values[i], now).remaining / weight);
    }
    return least;
  };
  return Object.fromEntries(UNITS.map((unit) => [unit, left(unit)])) as unknown as Room;
}

function purposeOf({ call, key }: Rules) {
  const { endpoint, model, plan } = call;
  return { key, plan: planName(call), billing: plan?.billing, endpoint, model };
}

function eventOf({ id, purpose, usage }: OpenReservation): ReservationEvent {
  return { id, ...purpose, estimate: usage };
}
