import { checkKey, fieldsOf } from '../checks.ts';
import { BudgetOptionError } from '../errors.ts';
import { quoted } from '../import/errors.ts';
import type { Plan } from '../limits/plan.ts';
import { type Exported, parseExport } from './document.ts';
import { planOf } from './policy.ts';

export { PolicyImportError } from '../import/errors.ts';

/** How policies are imported. */
export interface Wso2Options {
  /** Names of a policy's fields to pass over, e.g. `monetization`. Default: none. */
  readonly ignore?: readonly string[] | undefined;
}

/**
 * The plans of subscription policies that WSO2 API Manager exported, for `budget: { plans: plansFromWso2(text) }`: YAML or
 * JSON, as `apictl export policy rate-limiting` writes it or the admin API lists it; one policy, several documents, or an
 * array. Quotas become fixed windows in UTC, burst control a rolling one. A policy without `stopOnQuotaReach` does what
 * the budget does when a call does not fit. Months and years are those of the calendar.
 *
 * @returns by `policyName`
 * @throws PolicyImportError for what cannot be honoured, with its line
 * @throws BudgetOptionError for a wrong option
 */
export function plansFromWso2(text: string, options: Wso2Options = {}): Record<string, Plan> {
  if (typeof text !== 'string') throw new BudgetOptionError('text', 'the text of an exported policy', text);
  const ignore = checkIgnore(fieldsOf('options', options, ['ignore'])['ignore']);
  const plans = new Map<string, Plan>();
  for (const policy of parseExport(text).flatMap(policiesIn)) {
    const [name, plan] = planOf(policy, ignore);
    if (plans.has(name)) throw policy.error(`a second policy of the name ${quoted(name)}`);
    plans.set(name, plan);
  }
  return Object.fromEntries(plans);
}

/** The policies of an array, a list of the admin API, or an exported file; or the one that it is. */
function policiesIn(value: Exported): readonly Exported[] {
  if (value.isList) return value.list().flatMap(policiesIn);
  if (!value.isMap) throw value.error('expected a policy');
  if (value.field('list').isList) {
    value.checkFields(['count', 'list', 'pagination']);
    return value.field('list').list();
  }
  const data = value.field('data');
  if (data.isMissing) return [value];
  value.checkFields(['type', 'subtype', 'version', 'data']);
  value.field('type').oneOf(['throttling policy']);
  value.field('subtype').oneOf(['subscription policy']);
  return [data];
}

function checkIgnore(value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value))
    throw new BudgetOptionError('options.ignore', 'an array of names of fields', value);
  return value.map((name) => checkKey('options.ignore', name));
}
