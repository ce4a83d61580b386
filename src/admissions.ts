import type { BudgetClock } from './clock.ts';
import { BudgetStoreError, QuotaExceeded } from './errors.ts';
import type { Events, ReservationEvent } from './events.ts';
import type { Room } from './fit.ts';
import type { Ledger } from './ledger.ts';
import { type Call, planName } from './limits/call.ts';
import { type Charge, chargedFor, chargeOf, counterOf, denies } from './limits/charge.ts';
import { type Denial, denialOf } from './limits/denial.ts';
import type { CompiledLimit } from './limits/limit.ts';
import { type LimitPreview, limitPreview } from './limits/preview.ts';
import { tooManyCalls } from './limits/slots.ts';
import { limitUsage } from './limits/state.ts';
import type { ResolvedOptions } from './options.ts';
import { type Attempted, Pacing } from './pacing.ts';
import type { Rules } from './policy.ts';
import { type Ending, OpenReservation } from './reservation.ts';
import { exceededLimits, limitsOfReservation } from './standing.ts';
import type { Admission } from './stores/store.ts';
import { UNITS, type Unit, type Usage } from './usage.ts';
import { Warnings } from './warnings.ts';

/** How often an admission is tried: again when its windows are not those of the store's clock, or when less may fit. */
const TRIES = 4;

/** Of calls that say nothing: from 0, first, to 9, last. */
const PRIORITY = 5;

/** How a call is to be admitted. */
export interface Manner {
  /** It can do with less than its usage. */
  readonly flexible?: Flexible | undefined;
  /** Where it waits, it leaves when this is aborted. */
  readonly signal?: AbortSignal | null | undefined;
  /** Default true: it waits where limits say so. */
  readonly mayWait?: boolean | undefined;
  /** It takes a slot for calls under way, until it has ended. */
  readonly slot?: boolean | undefined;
}

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
  readonly #pacing: Pacing;
  /** So many calls at once, or so much time between them: every call enters. */
  readonly #hasSlots: boolean;

  constructor(options: ResolvedOptions, clock: BudgetClock, ledger: Ledger, events: Events) {
    this.#options = options;
    this.#clock = clock;
    this.#ledger = ledger;
    this.#events = events;
    this.#warnings = new Warnings(options.warnAt);
    this.#pacing = new Pacing(options.pacing);
    this.#hasSlots = options.pacing.maxConcurrent < Infinity || options.pacing.minTime > 0;
  }

  /** At once if the store answers at once and the call need not wait. Throws as `Budget.reserve()` does. */
  admit(rules: Rules, usage: Usage, manner: Manner = {}): OpenReservation | Promise<OpenReservation> {
    const { flexible, mayWait = true, slot = false } = manner;
    const waits = (slot && this.#hasSlots) || rules.limits.some(isWaitedFor);
    if (waits && mayWait) return this.#enter(rules, usage, manner);
    const attempted = this.#attempt(rules, usage, flexible, 0);
    const conclude = (result: OpenReservation | Denial) => {
      if (result instanceof OpenReservation) return result;
      throw this.#told(rules, flexible?.least ?? usage, result.error);
    };
    return attempted instanceof Promise ? attempted.then(conclude) : conclude(attempted);
  }

  /** How the limits of a call stand, and what it asks of them. Reserves nothing. @throws BudgetStoreError */
  async preview(rules: Rules, usage: Usage): Promise<LimitPreview[]> {
    const { charges, values, now } = await this.#ledger.read('read', (at) => chargesOf(rules, usage, at));
    return charges.map((charge, i) => limitPreview(charge, values[i], now));
  }

  /** Waits for limits, and for its turn. */
  #enter(rules: Rules, usage: Usage, { flexible, signal, slot = false }: Manner) {
    const { call, key } = rules;
    const least = flexible?.least ?? usage;
    const now = this.#clock.now;
    const asked = (usage: Usage) => chargesOf(rules, usage, now());
    const entered = this.#pacing.enter<OpenReservation>({
      priority: call.caller.priority ?? PRIORITY,
      signal: signal ?? undefined,
      counters: () => {
        const waitedFor = asked(usage).filter(({ limit }) => isWaitedFor(limit));
        return waitedFor.filter(asksAnything).map(counterOf);
      },
      slot,
      attempt: (waitedMs) => {
        const renewed = rules.renewed();
        const attempt = (current: Rules) => this.#attempt(current, usage, flexible, waitedMs);
        const attempted = renewed instanceof Promise ? renewed.then(attempt) : attempt(renewed);
        return attempted instanceof Promise ? attempted.then(asAttempted) : asAttempted(attempted);
      },
      abandon: (reservation) => reservation.withdraw(),
      canFit: () => !asked(least).some((charge) => denies(charge, undefined, now())),
      denialUntried: () => this.#denialUntried(rules, least),
      denialOfSlot: (slots) => tooManyCalls(slots, call, key),
    });
    const leaving = (reservation: OpenReservation) => {
      if (slot && this.#hasSlots) reservation.slot = () => this.#pacing.leave();
      return reservation;
    };
    if (!(entered instanceof Promise)) return leaving(entered);
    return entered.then(leaving, (error: unknown) => {
      throw error instanceof QuotaExceeded ? this.#told(rules, least, error) : error;
    });
  }

  /** @param waitedMs milliseconds that the call has waited */
  #attempt(
    rules: Rules,
    usage: Usage,
    flexible: Flexible | undefined,
    waitedMs: number,
    now = this.#clock.now(),
    tries = TRIES,
  ): OpenReservation | Denial | Promise<OpenReservation | Denial> {
    const charges = chargesOf(rules, usage, now);
    const counted = charges.every(asksAnything) ? charges : charges.filter(asksAnything);
    const reservation = new OpenReservation(purposeOf(rules), usage, charges, now, this.#close);
    const conclude = (admission: Admission) => {
      if (admission.admitted === 'stale') {
        if (tries > 1) return this.#attempt(rules, usage, flexible, waitedMs, admission.now, tries - 1);
        throw new BudgetStoreError(
          'admit',
          new Error('it answers more slowly than the windows of the limits last'),
        );
      }
      if (admission.admitted !== true) {
        const less = tries > 1 ? flexible?.fitInto(roomOf(counted, admission)) : undefined;
        if (less !== undefined)
          return this.#attempt(rules, less, flexible, waitedMs, admission.now, tries - 1);
        return this.#denial(rules.call, flexible?.least ?? usage, counted, admission);
      }
      reservation.counted = { charges: counted, values: admission.values, now: admission.now };
      this.#tell(reservation, waitedMs);
      return reservation;
    };
    const admission = this.#ledger.admit(reservation, counted);
    return admission instanceof Promise ? admission.then(conclude) : conclude(admission);
  }

  #denial(call: Call, usage: Usage, counted: readonly Charge[], { values, now }: Admission): Denial {
    const asked = counted.map((charge) => ({ ...charge, requested: chargedFor(charge, usage) }));
    return denialOf(asked, values, call, now, this.#options.headers);
  }

  /** The error of a call that others, who wait, kept from trying. */
  async #denialUntried(rules: Rules, usage: Usage): Promise<QuotaExceeded> {
    const reading = await this.#ledger.read('read', (at) => chargesOf(rules, usage, at));
    const asked = reading.charges.filter(asksAnything);
    const values = reading.values.filter((_, i) => asksAnything(reading.charges[i] as Charge));
    return denialOf(asked, values, rules.call, reading.now, this.#options.headers).error;
  }

  /** The error, and the event of it. */
  #told({ call: { endpoint, model } }: Rules, estimate: Usage, error: QuotaExceeded): QuotaExceeded {
    this.#events.emit('denied', () => ({ error, endpoint, model, estimate }));
    return error;
  }

  #tell(reservation: OpenReservation, waitedMs: number): void {
    this.#events.emit('admitted', () => ({
      ...eventOf(reservation),
      limits: limitsOfReservation(reservation),
      exceeded: exceededLimits(reservation),
      waitedMs,
    }));
    if (this.#events.heard('warning')) this.#warn(reservation);
  }

  readonly #close = (reservation: OpenReservation, ending: Ending): void => {
    const { usage, source } = ending;
    const made = roomMade(reservation);
    this.#ledger.settle(reservation, made.length > 0 ? () => this.#pacing.poke(made) : undefined);
    reservation.leave();
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

  /** Limits may have room that they had not: who waits tries again. */
  poke(): void {
    this.#pacing.poke();
  }

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

function isWaitedFor(limit: CompiledLimit): boolean {
  return limit.onExceeded === 'wait';
}

function asAttempted(result: OpenReservation | Denial): Attempted<OpenReservation> {
  return result instanceof OpenReservation ? { admitted: result } : result;
}

/** Counters that are waited for, and may have more room than while the reservation was open. */
function roomMade(reservation: OpenReservation): string[] {
  const leaves = (charge: Charge) => reservation.settled(charge) < charge.requested;
  return reservation.charges.filter((charge) => isWaitedFor(charge.limit) && leaves(charge)).map(counterOf);
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
