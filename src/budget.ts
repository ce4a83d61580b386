import { Accounts } from './accounts.ts';
import { Admissions } from './admissions.ts';
import { Background } from './background.ts';
import { type Admitted, CallAdmissions } from './call-admissions.ts';
import type { Endpoint } from './calls/endpoint.ts';
import { routeOf } from './calls/endpoints.ts';
import { Estimator } from './calls/estimate.ts';
import { readRequestBody } from './calls/request-body.ts';
import { fieldsOf, flag, positive } from './checks.ts';
import { BudgetClock } from './clock.ts';
import { BudgetOptionError, BudgetStoreError } from './errors.ts';
import { type BudgetEvent, type BudgetEvents, Events } from './events.ts';
import { type Explanation, explanationOf, partsOf } from './explain.ts';
import { Ledger } from './ledger.ts';
import type { Call, Caller } from './limits/call.ts';
import type { BudgetHeaders } from './limits/headers.ts';
import type { LimitUsage } from './limits/state.ts';
import { type BudgetOptions, checkUsage, type ResolvedOptions, resolveOptions } from './options.ts';
import { Policy } from './policy.ts';
import {
  CALLER_FIELDS,
  callerOf,
  POLICY_OPTIONS,
  type PolicyOptions,
  resolvePolicy,
} from './policy-options.ts';
import type { OpenReservation, OpenReservationInfo, Reservation } from './reservation.ts';
import { counterStore } from './stores/from-keyv.ts';
import { WatchedStore } from './stores/watched.ts';
import { Upstream } from './upstream/upstream.ts';
import { type Usage, type UsageInput, usageOf } from './usage.ts';

/** What `reserve()` takes. */
export interface ReserveRequest extends Caller {
  readonly usage: UsageInput;
  /** Model and endpoint, for limits that hold for some only. */
  readonly model?: string | undefined;
  readonly endpoint?: string | undefined;
  /** Whether it waits for limits with `onExceeded: 'wait'`. Default true; false: it is refused at once. */
  readonly wait?: boolean | undefined;
  /** Where it waits for a limit, it leaves with the signal's reason when this is aborted. */
  readonly signal?: AbortSignal | undefined;
}

const RESERVE_FIELDS = [...CALLER_FIELDS, 'usage', 'model', 'endpoint', 'wait', 'signal'];

/**
 * A budget: limits, the store of their counters, and who they count for. Made once, it can be shared by several clients.
 *
 * @throws BudgetOptionError for a wrong option
 */
export class Budget {
  #given: BudgetOptions;
  readonly #options: ResolvedOptions;
  readonly #policy: Policy;
  readonly #clock: BudgetClock;
  readonly #ledger: Ledger;
  readonly #events = new Events();
  readonly #admissions: Admissions;
  readonly #estimator: Estimator;
  /** Told of errors that the Keyv instance emits, as long as this budget is there. */
  readonly #disconnected: (cause: unknown) => void;
  readonly #calls: CallAdmissions;
  readonly #background: Background;
  readonly #accounts: Accounts;

  constructor(options: BudgetOptions = {}) {
    this.#given = options;
    this.#options = resolveOptions(options);
    const { store, storeTimeout, clock, completion, onStoreError, prices } = this.#options;
    const failed = (error: BudgetStoreError) => this.#events.emit('storeError', () => error);
    this.#disconnected = (cause) => failed(new BudgetStoreError('connect', cause));
    const counters = counterStore(store, this.#disconnected);
    this.#clock = new BudgetClock(clock, counters.scope);
    const watched = new WatchedStore(counters, storeTimeout);
    this.#ledger = new Ledger(watched, onStoreError, this.#clock, failed);
    this.#policy = new Policy(this.#options.policy, this.#clock.now);
    this.#admissions = new Admissions(this.#options, this.#clock, this.#ledger, this.#events);
    this.#estimator = new Estimator(completion, prices, this.#clock.now);
    const poke = () => this.#admissions.poke();
    this.#background = new Background(this.#ledger, this.#estimator, this.#events, poke);
    const { maxWait } = this.#options.pacing;
    const context = { store: watched, clock: this.#clock, maxWait, failed, changed: poke };
    const upstream = this.#options.upstream === 'observe' ? new Upstream(context) : undefined;
    this.#accounts = new Accounts(this.#ledger, this.#policy, upstream, this.#clock.now, storeTimeout);
    this.#calls = new CallAdmissions(
      this.#options,
      this.#policy,
      this.#estimator,
      this.#admissions,
      upstream,
    );
  }

  /** Loads token tables and prices ahead of the first call: those of the models given, or of all current ones. */
  async ready(...models: string[]): Promise<void> {
    const wanted = models.length > 0 ? models : ['gpt-4o', 'gpt-4'];
    await Promise.all(wanted.map((model) => this.#estimator.model(model)));
  }

  /**
   * What a call would be estimated at. No network, nothing is reserved.
   *
   * @param path an endpoint's path, e.g. `/chat/completions`
   * @param body the request's body: an object, or the FormData of an upload
   * @throws BudgetOptionError for a path that is not governed
   */
  async estimate(path: string, body: object, caller: Caller = {}): Promise<Usage> {
    const { endpoint, call } = await this.#readCall('estimate(path)', path, body, caller);
    const rules = await this.#policy.rulesFor(call);
    return this.#calls.estimate(endpoint, rules, await this.#estimator.model(call.model)).usage;
  }

  /**
   * What a call would be estimated at, part by part, how the limits that apply to it stand, and when it would be
   * admitted. Asks the store, but not the API; reserves nothing.
   *
   * @param path an endpoint's path, e.g. `/chat/completions`
   * @param body the request's body: an object, or the FormData of an upload
   * @throws BudgetOptionError for a path that is not governed
   * @throws BudgetStoreError if the store fails
   */
  async explain(path: string, body: object, caller: Caller = {}): Promise<Explanation> {
    const { endpoint, call } = await this.#readCall('explain(path)', path, body, caller);
    const model = await this.#estimator.model(call.model);
    const rules = await this.#policy.rulesFor(call);
    const { quantities, usage } = this.#calls.estimate(endpoint, rules, model);
    const promptTokens = (body: Call['body']) => {
      const changed = { ...rules, call: { ...rules.call, body } };
      return this.#calls.estimate(endpoint, changed, model).quantities.promptTokens;
    };
    const parts = partsOf(quantities, model, promptTokens, call.body);
    const limits = await this.#admissions.preview(rules, usage);
    return explanationOf(rules.call, rules.key, usage, parts, limits);
  }

  /**
   * Reserves for work that is no call of the SDK; settle or refund what it returns.
   *
   * @throws QuotaExceeded if it does not fit
   * @throws BudgetOptionError for a wrong key or usage
   * @throws BudgetStoreError if the store fails and `onStoreError` is 'reject'
   */
  async reserve(request: ReserveRequest): Promise<Reservation> {
    const {
      usage,
      model = '',
      endpoint = '',
      wait,
      signal,
      ...caller
    } = fieldsOf('reserve', request, RESERVE_FIELDS) as unknown as ReserveRequest;
    const call: Call = { endpoint, model, body: {}, caller: callerOf('reserve', caller) };
    const reserved = usageOf(checkUsage('reserve.usage', usage));
    const open = await this.#admissions.admit(await this.#policy.rulesFor(call), reserved, {
      mayWait: flag('reserve.wait', wait ?? true),
      signal,
    });
    return {
      id: open.id,
      key: open.purpose.key,
      usage: open.usage,
      settle: (usage) => open.close(usageOf(checkUsage('settle', usage)), 'given'),
      refund: () => open.close(undefined, 'given'),
    };
  }

  /**
   * How every limit stands for a counter key, those of its plan too, and the API's own as far as they are known.
   *
   * @param key default: the budget's own key
   * @param caller `plan`: default: the budget's
   */
  async usage(key?: string, { plan }: Pick<Caller, 'plan'> = {}): Promise<LimitUsage[]> {
    return this.#accounts.usage(key, plan);
  }

  /**
   * Forgets what was used in the current windows of a counter key, and what its open calls have reserved: what those
   * use is counted no more. Limits that count for another key stay as they are. Default: the budget's own key.
   */
  async reset(key?: string): Promise<void> {
    await this.#accounts.reset(key);
    this.#admissions.poke();
  }

  /**
   * Changes what may be used, from the next call on. Counters go on counting under the names of their limits, so what
   * was spent stays spent (of a rolling limit: the same share of it); options that are not given stay as they are.
   *
   * @throws BudgetOptionError for a wrong option, or one that cannot be changed; then nothing is
   */
  update(changes: PolicyOptions): void {
    const checked = fieldsOf('update', changes, Object.keys(POLICY_OPTIONS));
    const given = { ...this.#given, ...checked };
    this.#policy.update(resolvePolicy(given));
    this.#given = given;
    this.#admissions.poke();
  }

  /**
   * The reservations of a counter key that are open: those of calls under way, and those of workers that died in one,
   * whose estimates stand. Oldest first. Default: the budget's own key.
   */
  async reservations(key?: string): Promise<OpenReservationInfo[]> {
    return this.#accounts.reservations(key);
  }

  /**
   * Resolves when all settlements and refunds so far are in the store.
   *
   * @param options `timeout`: how long to wait, in milliseconds, > 0. Default: as long as it takes.
   * @throws BudgetStoreError if they are not by then; they are tried on
   */
  async flush(options: { readonly timeout?: number } = {}): Promise<void> {
    const { timeout } = fieldsOf('flush', options, ['timeout']);
    await this.#ledger.flush(timeout === undefined ? Infinity : positive('flush.timeout', timeout));
  }

  /** Calls `listener` at every event of a kind. What it throws surfaces as an uncaught exception, not in the call. */
  on<E extends BudgetEvent>(event: E, listener: (...args: BudgetEvents[E]) => void): this {
    this.#events.on(event, listener);
    return this;
  }

  off<E extends BudgetEvent>(event: E, listener: (...args: BudgetEvents[E]) => void): this {
    this.#events.off(event, listener);
    return this;
  }

  /** @internal */
  get ungoverned(): 'pass' | 'reject' {
    return this.#options.ungoverned;
  }

  /** @internal */
  get headers(): BudgetHeaders {
    return this.#options.headers;
  }

  /** @internal */
  get stopAtLimit(): boolean {
    return this.#options.stopAtLimit;
  }

  /** Reserves more for a call under way. @internal */
  async admitMore(call: Call, usage: Usage): Promise<OpenReservation> {
    return this.#admissions.admit(await this.#policy.rulesFor(call), usage, { mayWait: false });
  }

  /** @internal */
  get estimator(): Estimator {
    return this.#estimator;
  }

  /** @internal */
  callOf(endpoint: Endpoint, body: Call['body'], deployment: string | undefined, caller: Caller): Call {
    return this.#calls.callOf(endpoint, body, deployment, caller);
  }

  /** @internal */
  admitCall(endpoint: Endpoint, call: Call, signal?: AbortSignal | null): Promise<Admitted> {
    return this.#calls.admitCall(endpoint, call, signal);
  }

  /** @internal */
  get background(): Background {
    return this.#background;
  }

  async #readCall(option: string, path: string, body: object, caller: Caller) {
    const route = routeOf('post', path);
    if (route === undefined) throw new BudgetOptionError(option, 'the path of a governed endpoint', path);
    const { endpoint, deployment } = route;
    const fields = await readRequestBody(body, endpoint);
    return { endpoint, call: this.callOf(endpoint, fields, deployment, callerOf('caller', caller)) };
  }
}
