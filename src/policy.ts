import { checkKey } from './checks.ts';
import { BudgetError, BudgetOptionError, PlanDenied } from './errors.ts';
import type { Call, Caller } from './limits/call.ts';
import type { CompiledLimit, OnExceeded } from './limits/limit.ts';
import { limitsOf } from './limits/limit-options.ts';
import { type CompiledPlan, mayUse } from './limits/plan.ts';
import type { LimitsRequest, LimitsSource, ResolvedPolicy } from './policy-options.ts';

/** At once, or when it was asked for. */
type Found<T> = T | Promise<T>;

/** What holds for a call. */
export interface Rules {
  /** The call, with its plan. */
  readonly call: Call;
  /** Its counter key. */
  readonly key: string;
  /** The limits that apply to it. */
  readonly limits: readonly CompiledLimit[];
  /** What holds by now: these rules, unless others were given meanwhile. */
  renewed(): Found<Rules>;
}

/** Answers of a `limits` function remembered; beyond that all are asked for again. */
const REMEMBERED = 10_000;

/** What a `limits` function answered. */
interface Answer {
  readonly limits: Promise<readonly CompiledLimit[]>;
  readonly until: number;
}

/** Finds what holds for a call: its counter key, its plan, its limits. */
export class Policy {
  readonly #now: () => number;
  #options: ResolvedPolicy;
  readonly #answers = new Map<string, Answer>();

  constructor(options: ResolvedPolicy, now: () => number) {
    this.#options = options;
    this.#now = now;
  }

  /** Other rules from now on; counters of the same name go on counting. */
  update(options: ResolvedPolicy): void {
    this.#options = options;
    this.#answers.clear();
  }

  /**
   * At once, unless limits have to be asked for.
   *
   * @throws PlanDenied if the caller's roles may not use the plan
   * @throws BudgetOptionError for a plan that there is not, or a function of the app that gives no counter key
   */
  rulesFor(call: Call): Found<Rules> {
    const plan = this.#planOf(call);
    const planned = plan === undefined ? call : { ...call, plan: plan.info };
    const key = this.keyOf(planned);
    const options = this.#options;
    const applying = (limits: readonly CompiledLimit[]): Rules => {
      const rules: Rules = {
        call: planned,
        key,
        limits: limits.filter((limit) => limit.applies(planned)),
        renewed: () => (this.#options === options ? rules : this.rulesFor(call)),
      };
      return rules;
    };
    const limits = this.#limitsOf(key, plan, call.caller);
    return limits instanceof Promise ? limits.then(applying) : applying(limits);
  }

  /** The counter key of a call. @throws BudgetOptionError if a function of the app gives none */
  keyOf(call: Call): string {
    const key = call.caller.key ?? this.#options.key;
    return typeof key === 'function' ? checkKey('budget.key(call)', key(call)) : checkKey('key', key);
  }

  /** A key given by name, or the budget's own. @throws BudgetOptionError if that is a function */
  ownKey(key: string | undefined): string {
    const own = key ?? this.#options.key;
    if (typeof own === 'string') return checkKey('key', own);
    const expected = 'a counter key: budget.key is a function, so there is no default';
    throw new BudgetOptionError('key', expected, key);
  }

  /** The limits of a counter key, those of the plan too; that is the budget's if none is named. */
  limitsFor(key: string, name: string | undefined): Found<readonly CompiledLimit[]> {
    const { plan, defaultPlan } = this.#options;
    const found = this.#planNamed(name ?? (typeof plan === 'string' ? plan : defaultPlan));
    return this.#limitsOf(key, found, { key });
  }

  /** The limits of a counter key under every plan, one for each counter. */
  async allLimits(key: string): Promise<readonly CompiledLimit[]> {
    const plans = [undefined, ...(this.#options.plans?.values() ?? [])];
    const found = await Promise.all(plans.map((plan) => this.#limitsOf(key, plan, { key })));
    return [...new Map(found.flat().map((limit) => [limit.name, limit])).values()];
  }

  #limitsOf(key: string, plan: CompiledPlan | undefined, caller: Caller): Found<readonly CompiledLimit[]> {
    const { limits } = this.#options;
    if (typeof limits !== 'function') return withPlan(limits, plan);
    return this.#ask(limits, key, plan, caller).then((found) => withPlan(found, plan));
  }

  /** Asked once for each key and plan, however many calls want to know at once. */
  #ask(
    source: LimitsSource,
    key: string,
    plan: CompiledPlan | undefined,
    caller: Caller,
  ): Promise<readonly CompiledLimit[]> {
    const request = { key, plan: plan?.info.name, caller };
    const id = JSON.stringify([key, request.plan]);
    const now = this.#now();
    const known = this.#answers.get(id);
    if (known !== undefined && now < known.until) return known.limits;
    if (this.#answers.size >= REMEMBERED) this.#answers.clear();
    const taken = new Set(plan?.limits.map(({ name }) => name));
    const limits = compiled(source, request, this.#options.onExceeded, taken);
    const answer = { limits, until: now + this.#options.limitsMaxAge };
    this.#answers.set(id, answer);
    limits.catch(() => {
      if (this.#answers.get(id) === answer) this.#answers.delete(id);
    });
    return limits;
  }

  #planOf(call: Call): CompiledPlan | undefined {
    const { plans, plan, defaultPlan } = this.#options;
    if (plans === undefined) return undefined;
    const given = call.caller.plan ?? (typeof plan === 'function' ? plan(call) : plan) ?? defaultPlan;
    const found = this.#planNamed(given);
    if (found !== undefined && !mayUse(found, call.caller.roles ?? [])) {
      throw new PlanDenied(found.info.name, call.caller.roles ?? []);
    }
    return found;
  }

  #planNamed(name: string | undefined): CompiledPlan | undefined {
    const { plans } = this.#options;
    if (name === undefined || plans === undefined) return undefined;
    const plan = plans.get(name);
    if (plan === undefined)
      throw new BudgetOptionError('plan', `one of ${[...plans.keys()].join(', ')}`, name);
    return plan;
  }
}

function withPlan(
  limits: readonly CompiledLimit[],
  plan: CompiledPlan | undefined,
): readonly CompiledLimit[] {
  return plan === undefined || plan.limits.length === 0 ? limits : [...limits, ...plan.limits];
}

/** @throws BudgetOptionError for a wrong limit */
async function compiled(
  source: LimitsSource,
  request: LimitsRequest,
  onExceeded: OnExceeded,
  taken: ReadonlySet<string>,
): Promise<readonly CompiledLimit[]> {
  let given: unknown;
  try {
    given = await source(request);
  } catch (cause) {
    throw new BudgetError('budget.limits(request) failed: the limits of a call are not known', { cause });
  }
  // What a function does not give is no limit of nothing.
  return limitsOf(given ?? null, { option: 'budget.limits(request)', onExceeded, taken });
}
