import { checkKey, fieldsOf, functionOf, oneOf, positive } from './checks.ts';
import { BudgetOptionError } from './errors.ts';
import type { Call, Caller, CounterKey } from './limits/call.ts';
import type { CompiledLimit, Limit, OnExceeded } from './limits/limit.ts';
import { counterKey, limitsOf, onExceededOf } from './limits/limit-options.ts';
import { attributesOf, type Plan, type Plans, plansOf, rolesOf } from './limits/plan.ts';

/** For whom a function finds limits. */
export interface LimitsRequest {
  /** The counter key. */
  readonly key: string;
  readonly plan: string | undefined;
  readonly caller: Caller;
}

/** Finds the limits of a counter key, in a database say. Asked once per key, plan and `limitsMaxAge`. */
export type LimitsSource = (request: LimitsRequest) => readonly Limit[] | Promise<readonly Limit[]>;

/** What may be used, and by whom: the options that `budget.update()` can change. */
export interface PolicyOptions {
  /** Counter key: whom the limits count for. Default 'default'. */
  readonly key?: CounterKey | undefined;
  /**
   * What may be used. A call is admitted if it fits into every limit that applies to it, all or nothing. A function finds
   * them for a counter key. Default: none.
   */
  readonly limits?: readonly Limit[] | LimitsSource | undefined;
  /** Milliseconds that the answer of a `limits` function holds, > 0. Default 60,000. */
  readonly limitsMaxAge?: number | undefined;
  /** Plans by name, whose limits hold beside the budget's own. `unlimited`, which has none, is always one of them. */
  readonly plans?: Readonly<Record<string, Plan>> | undefined;
  /** Name of the plan of a call whose caller names none. */
  readonly plan?: string | ((call: Call) => string | undefined) | undefined;
  /** The plan where neither caller nor `plan` names one. Default: none. */
  readonly defaultPlan?: string | undefined;
  /** What limits do, that say nothing themselves, when a call does not fit. Default 'reject'. */
  readonly onExceeded?: OnExceeded | undefined;
}

export interface ResolvedPolicy {
  readonly key: CounterKey;
  readonly limits: readonly CompiledLimit[] | LimitsSource;
  readonly limitsMaxAge: number;
  readonly plans: Plans | undefined;
  readonly plan: string | ((call: Call) => string | undefined) | undefined;
  readonly defaultPlan: string | undefined;
  readonly onExceeded: OnExceeded;
}

export const POLICY_OPTIONS = {
  key: 0,
  limits: 0,
  limitsMaxAge: 0,
  plans: 0,
  plan: 0,
  defaultPlan: 0,
  onExceeded: 0,
} satisfies Record<keyof PolicyOptions, 0>;

/** @throws BudgetOptionError that names the first wrong option */
export function resolvePolicy(given: Readonly<Record<string, unknown>>): ResolvedPolicy {
  const onExceeded = onExceededOf('budget.onExceeded', given['onExceeded']) ?? 'reject';
  const limits =
    functionOf<LimitsSource>(
      'budget.limits',
      typeof given['limits'] === 'function' ? given['limits'] : undefined,
    ) ?? limitsOf(given['limits'], { option: 'budget.limits', onExceeded });
  const names = typeof limits === 'function' ? [] : limits.map(({ name }) => name);
  const plans = plansOf(given['plans'], onExceeded, new Set(names));
  const plan = given['plan'];
  return {
    key: counterKey('budget.key', given['key']) ?? 'default',
    limits,
    limitsMaxAge: positive('budget.limitsMaxAge', given['limitsMaxAge'] ?? 60_000),
    plans,
    plan:
      typeof plan === 'function'
        ? (plan as (call: Call) => string | undefined)
        : planOf('budget.plan', plan, plans),
    defaultPlan: planOf('budget.defaultPlan', given['defaultPlan'], plans),
    onExceeded,
  };
}

/** The name of a plan that there is. */
function planOf(option: string, name: unknown, plans: Plans | undefined): string | undefined {
  return oneOf(option, name, [...(plans?.keys() ?? [])]);
}

/** Checks a caller. @throws BudgetOptionError */
export function callerOf(option: string, caller: unknown): Caller {
  const { key, plan, roles, priority, attributes } = fieldsOf(option, caller, CALLER_FIELDS);
  if (key !== undefined) checkKey(`${option}.key`, key);
  if (plan !== undefined) checkKey(`${option}.plan`, plan);
  rolesOf(`${option}.roles`, roles);
  const isPriority = Number.isInteger(priority) && Number(priority) >= 0 && Number(priority) <= 9;
  if (priority !== undefined && !isPriority)
    throw new BudgetOptionError(`${option}.priority`, 'a whole number from 0 (first) to 9 (last)', priority);
  attributesOf(`${option}.attributes`, attributes);
  return caller as Caller;
}

export const CALLER_FIELDS = Object.keys({
  key: 0,
  plan: 0,
  roles: 0,
  priority: 0,
  attributes: 0,
} satisfies Record<keyof Caller, 0>);
