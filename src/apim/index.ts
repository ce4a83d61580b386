import { BudgetOptionError } from '../errors.ts';
import type { Limit } from '../limits/limit.ts';
import { parsePolicies } from './document.ts';
import { limitsOfDrafts } from './draft.ts';
import { type ApimOptions, checkOptions } from './options.ts';
import { draftsOf } from './policies.ts';

export { PolicyEvaluationError, PolicyImportError } from '../import/errors.ts';
export type { ApimOptions } from './options.ts';

/**
 * The limits of an Azure API Management policy, for `budget: { limits: limitsFromApim(xml) }`: a document, or one or
 * several policies of it. Expressions read the call as follows; what a caller does not tell is undefined, and a limit whose
 * key that is counts for the budget's own key.
 *
 * | expression | call |
 * |---|---|
 * | `context.Subscription.Id`, `.Name`, `.Key` | `caller.attributes`: `subscriptionId`, `subscriptionName`, `subscriptionKey` |
 * | `context.User.Id`, `.Email` | `userId`, `userEmail` |
 * | `context.Product.Id`, `.Name` | `productId`, `productName` |
 * | `context.Api.Id`, `.Name` | `apiId`, `apiName` |
 * | `context.Request.IpAddress` | `ipAddress` |
 * | `context.Request.Headers.GetValueOrDefault("x-team", "none")` | `x-team` |
 * | `context.Request.Body.As<JObject>()["n"]` | `body.n` |
 * | `context.Request.MatchedParameters["deployment-id"]` | `model` |
 * | `context.Response.StatusCode`, in `increment-condition` | `status` of how it ended |
 *
 * Rates become rolling windows, token buckets as those of the gateway's v2 tiers; quotas become fixed windows. Prompts are
 * estimated before the call whatever `estimate-prompt-tokens` says, and every denial is a 429.
 *
 * @throws PolicyImportError for what cannot be honoured, with its line
 * @throws BudgetOptionError for a wrong option
 */
export function limitsFromApim(xml: string, options: ApimOptions = {}): Limit[] {
  if (typeof xml !== 'string') throw new BudgetOptionError('xml', 'the text of a policy', xml);
  return limitsOfDrafts(draftsOf(parsePolicies(xml), checkOptions(options)));
}
