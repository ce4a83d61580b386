import type { Admissions } from './admissions.ts';
import { boundableChoices } from './calls/bound-completion.ts';
import type { Endpoint } from './calls/endpoint.ts';
import { type Estimate, type Estimator, type Model, requirePrice, usageFor } from './calls/estimate.ts';
import { fittingCompletion, type Room } from './fit.ts';
import type { Call, Caller } from './limits/call.ts';
import type { ResolvedOptions } from './options.ts';
import type { Policy, Rules } from './policy.ts';
import type { OpenReservation } from './reservation.ts';
import { maxCompletionTokens } from './tokens/completion.ts';
import type { Upstream, UpstreamCall } from './upstream/upstream.ts';
import { NANODOLLARS } from './usage.ts';

/** A call that may be sent. */
export interface Admitted {
  readonly model: Model;
  readonly estimate: Estimate;
  readonly reservation: OpenReservation;
  /** The bound on the tokens of each output that it must be sent with, to fit; undefined: as it is. */
  readonly bound?: number | undefined;
  /** Observes what the API answers; undefined unless the budget observes its limits. */
  readonly upstream?: UpstreamCall | undefined;
}

/** Most of a limit that is reserved for an output that is only expected, not bounded. */
const EXPECTED_SHARE = 0.1;
const ONE_TOKEN = { promptTokens: 0, completionTokens: 1, images: 0 };

/** What a budget does with calls of the API: estimates them, and admits what they are estimated at. */
export class CallAdmissions {
  readonly #options: ResolvedOptions;
  readonly #policy: Policy;
  readonly #estimator: Estimator;
  readonly #admissions: Admissions;
  readonly #upstream: Upstream | undefined;

  /** @param upstream observes the API's own limits */
  constructor(
    options: ResolvedOptions,
    policy: Policy,
    estimator: Estimator,
    admissions: Admissions,
    upstream: Upstream | undefined,
  ) {
    this.#options = options;
    this.#policy = policy;
    this.#estimator = estimator;
    this.#admissions = admissions;
    this.#upstream = upstream;
  }

  /** A call as limits and keys see it. */
  callOf(endpoint: Endpoint, body: Call['body'], deployment: string | undefined, caller: Caller): Call {
    const model = deployment ?? (typeof body['model'] === 'string' ? body['model'] : '');
    return { endpoint: endpoint.path, model, body, caller };
  }

  /**
   * Estimates a call and reserves that. Throws as `Budget.reserve()` does, and UnknownPriceError.
   *
   * @param signal lets a call that waits leave
   */
  async admitCall(endpoint: Endpoint, call: Call, signal?: AbortSignal | null): Promise<Admitted> {
    const known = this.#estimator.model(call.model);
    const model = known instanceof Promise ? await known : known;
    const found = this.#policy.rulesFor(call);
    const rules = found instanceof Promise ? await found : found;
    if (this.#upstream === undefined || call.model === '') return this.#admit(endpoint, rules, model, signal);
    const upstream = await this.#upstream.enter(call.model, signal);
    try {
      const admitted = await this.#admit(endpoint, upstream.rulesWith(rules), model, signal);
      upstream.admitted(admitted.reservation);
      return { ...admitted, upstream };
    } catch (error) {
      upstream.ended();
      throw error;
    }
  }

  async #admit(
    endpoint: Endpoint,
    rules: Rules,
    model: Model,
    signal: AbortSignal | null | undefined,
  ): Promise<Admitted> {
    if (rules.limits.some((limit) => limit.unit === 'cost')) requirePrice(endpoint, model);
    const estimate = this.estimate(endpoint, rules, model);
    const choices = this.#options.fitToBudget && boundableChoices(endpoint, rules.call.body);
    if (choices !== undefined) return this.#admitFitting(rules, model, estimate, choices, signal);
    const admitted = this.#admissions.admit(rules, estimate.usage, { signal, slot: true });
    return { model, estimate, reservation: admitted instanceof Promise ? await admitted : admitted };
  }

  /** Where the output that a call asks for, or the model may give, does not fit, it is bounded to what does. */
  async #admitFitting(
    rules: Rules,
    model: Model,
    estimate: Estimate,
    choices: number,
    signal: AbortSignal | null | undefined,
  ): Promise<Admitted> {
    const { min } = this.#options.fitToBudget ?? { min: 0 };
    const most = estimate.unbounded
      ? choices * maxCompletionTokens(rules.call.model)
      : estimate.quantities.completionTokens;
    const estimateOf = (completionTokens: number): Estimate => {
      const quantities = { ...estimate.quantities, completionTokens };
      return { quantities, usage: usageFor(quantities, model.pricing), unbounded: false };
    };
    const whole = estimateOf(most);
    // Asked anew at each try: a call that waits may fit better than it did.
    const fitInto = (room: Room) => {
      const fitting = fittingCompletion(whole.quantities, model.pricing, room);
      const each = Math.floor((fitting ?? 0) / choices);
      return each < min || each * choices >= most ? undefined : estimateOf(each * choices).usage;
    };
    const least = estimateOf(Math.min(most, min * choices)).usage;
    const reservation = await this.#admissions.admit(rules, whole.usage, {
      flexible: { least, fitInto },
      signal,
      slot: true,
    });
    const { completionTokens } = reservation.usage;
    if (completionTokens === most) return { model, estimate: whole, reservation };
    const bound = completionTokens / choices;
    return { model, estimate: estimateOf(completionTokens), reservation, bound };
  }

  /** Sends and counts nothing. */
  estimate(endpoint: Endpoint, rules: Rules, model: Model): Estimate {
    return this.#estimator.estimate(endpoint, rules.call, model, {
      key: () => rules.key,
      most: () => mostExpected(rules, model),
    });
  }
}

function mostExpected({ call, limits }: Rules, { pricing }: Model): number {
  let most = Infinity;
  for (const { unit, capacity, weight, count } of limits) {
    const perToken = unit === 'cost' ? (pricing?.(ONE_TOKEN) ?? 0) / NANODOLLARS : 1;
    const counts = unit === 'cost' || unit === 'tokens' || unit === 'completionTokens';
    if (!counts || count !== undefined) continue;
    most = Math.min(most, (capacity * EXPECTED_SHARE) / (perToken * weight(call.model)));
  }
  return Math.floor(most);
}
