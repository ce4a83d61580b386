import { checkKey, fieldsOf, oneOf } from '../checks.ts';
import { BudgetOptionError } from '../errors.ts';
import type { Billing, CallPlan } from './call.ts';
import { unitPerPeriod } from './compile.ts';
import type { CompiledLimit, Limit, OnExceeded } from './limit.ts';
import { limitsOf, onExceededOf } from './limit-options.ts';

/** What the calls of some callers may use, beside the budget's own limits: a tier, a business plan. */
export interface Plan {
  /** Hold for each counter key under this plan. Default: none. */
  readonly limits?: readonly Limit[] | undefined;
  /** What the plan's limits do when a call does not fit. Default: the budget's. */
  readonly onExceeded?: OnExceeded | undefined;
  /** Told with the events of its calls. */
  readonly billing?: Billing | undefined;
  /** For functions of the app: `call.plan.attributes`. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /** Only callers with one of these roles may use it. Default: all may. */
  readonly allow?: readonly string[] | undefined;
  /** Callers with one of these roles may not, whatever else theirs are. */
  readonly deny?: readonly string[] | undefined;
}

/** A checked plan. */
export interface CompiledPlan {
  /** As calls carry it. */
  readonly info: CallPlan;
  readonly limits: readonly CompiledLimit[];
  readonly allow: readonly string[] | undefined;
  readonly deny: readonly string[];
}

export type Plans = ReadonlyMap<string, CompiledPlan>;

/** The plan that is always there: no limits but the budget's own. */
export const UNLIMITED = 'unlimited';

const PLAN_OPTIONS = Object.keys({
  limits: 0,
  onExceeded: 0,
  billing: 0,
  attributes: 0,
  allow: 0,
  deny: 0,
} satisfies Record<keyof Plan, 0>);

/**
 * Checks the `plans` option; undefined if there is none. Limits of one name in several plans count on one counter, so
 * that who changes to another plan keeps what was spent.
 *
 * @param taken names of the budget's own limits
 * @throws BudgetOptionError
 */
export function plansOf(
  value: unknown,
  onExceeded: OnExceeded,
  taken: ReadonlySet<string>,
): Plans | undefined {
  if (value === undefined) return undefined;
  const given = fieldsOf('budget.plans', value, Object.keys(value ?? {}));
  const plans = new Map<string, CompiledPlan>([[UNLIMITED, planOf(UNLIMITED, {}, onExceeded, taken)]]);
  for (const [name, plan] of Object.entries(given)) plans.set(name, planOf(name, plan, onExceeded, taken));
  checkShared(plans);
  return plans;
}

function planOf(
  name: string,
  value: unknown,
  onExceeded: OnExceeded,
  taken: ReadonlySet<string>,
): CompiledPlan {
  const option = optionOf(name);
  const given = fieldsOf(option, value, PLAN_OPTIONS);
  const own = onExceededOf(`${option}.onExceeded`, given['onExceeded']) ?? onExceeded;
  const limits = limitsOf(given['limits'], { option: `${option}.limits`, onExceeded: own, taken });
  return {
    info: {
      name,
      billing: oneOf(`${option}.billing`, given['billing'], ['free', 'commercial']),
      attributes: attributesOf(`${option}.attributes`, given['attributes']) ?? {},
    },
    limits,
    allow: rolesOf(`${option}.allow`, given['allow']),
    deny: rolesOf(`${option}.deny`, given['deny']) ?? [],
  };
}

function optionOf(plan: string): string {
  return `budget.plans[${JSON.stringify(plan)}]`;
}

/** Plans share the counters of limits of one name: these must count the same. */
function checkShared(plans: Plans): void {
  const meanings = new Map<string, string>();
  for (const [plan, { limits }] of plans) {
    for (const { name, unit, per, window } of limits) {
      const meaning = `${unitPerPeriod(unit, per)}, ${window.kind}`;
      const other = meanings.get(name) ?? meaning;
      if (other !== meaning) {
        const expected = `a name of its own, or ${other} as in another plan`;
        throw new BudgetOptionError(`${optionOf(plan)}.limits (${name})`, expected, meaning);
      }
      meanings.set(name, meaning);
    }
  }
}

/** Checks a list of roles. @throws BudgetOptionError */
export function rolesOf(option: string, value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new BudgetOptionError(option, 'an array of strings', value);
  return value.map((role) => checkKey(option, role));
}

/** Checks a record of texts. @throws BudgetOptionError */
export function attributesOf(option: string, value: unknown): Readonly<Record<string, string>> | undefined {
  if (value === undefined) return undefined;
  const given = fieldsOf(option, value, Object.keys(value ?? {}));
  for (const [name, text] of Object.entries(given)) {
    if (text !== undefined && typeof text !== 'string')
      throw new BudgetOptionError(`${option}[${JSON.stringify(name)}]`, 'a string', text);
  }
  return given as Readonly<Record<string, string>>;
}

/** Whether a caller of these roles may use the plan. */
export function mayUse({ allow, deny }: CompiledPlan, roles: readonly string[]): boolean {
  if (roles.some((role) => deny.includes(role))) return false;
  return allow === undefined || roles.some((role) => allow.includes(role));
}
