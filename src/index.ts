export { Budget, type ReserveRequest } from './budget.ts';
export type { CompletionMode, ExpectedCompletion } from './calls/estimate.ts';
export {
  type GovernedAzureClientOptions,
  GovernedAzureOpenAI,
  type GovernedClientOptions,
  GovernedOpenAI,
} from './client.ts';
export {
  BudgetError,
  BudgetOptionError,
  BudgetStoreError,
  type ExceededReason,
  PlanDenied,
  QuotaExceeded,
  UngovernedEndpointError,
  UnknownPriceError,
} from './errors.ts';
export type { BudgetEvent, BudgetEvents, ReservationEvent, SettlementSource } from './events.ts';
export type { EstimateParts, Explanation } from './explain.ts';
export { type Fetch, governFetch } from './governed-fetch.ts';
export type { Billing, Call, Caller, CallPlan, CounterKey, Outcome } from './limits/call.ts';
export type { BudgetHeaders } from './limits/headers.ts';
export type { Limit, LimitHeaders, LimitKey, OnExceeded } from './limits/limit.ts';
export type { Period } from './limits/period.ts';
export type { Plan } from './limits/plan.ts';
export type { LimitPreview } from './limits/preview.ts';
export type { LimitUsage } from './limits/state.ts';
export type { BudgetOptions } from './options.ts';
export type { LimitsRequest, LimitsSource, PolicyOptions } from './policy-options.ts';
export type { Price, Prices } from './prices.ts';
export type { OpenReservationInfo, Reservation } from './reservation.ts';
export { type FileStore, fileStore } from './stores/file.ts';
export type { Unit, Usage, UsageInput } from './usage.ts';
