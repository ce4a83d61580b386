/** Names of headers that the app chooses, each a value of the budget as it stands for the call. */
export interface BudgetHeaders {
  /** What still fits of the tightest limit on tokens that is a rate: a rolling one. */
  readonly remainingTokens?: string | undefined;
  /** What is left of the tightest limit on tokens that is a quota: of fixed windows. */
  readonly remainingQuota?: string | undefined;
  readonly remainingRequests?: string | undefined;
  readonly remainingImages?: string | undefined;
  /** US dollars. */
  readonly remainingCost?: string | undefined;
  /** Tokens that the call counted: reserved at first, what it used once that is known. */
  readonly tokensConsumed?: string | undefined;
  /** Names of the limits with `onExceeded: 'allow'` that the call went beyond, separated by commas; only then. */
  readonly exceeded?: string | undefined;
  /** Whole seconds until the call fits; on the 429 only. */
  readonly retryAfter?: string | undefined;
}

export const BUDGET_HEADERS = Object.keys({
  remainingTokens: 0,
  remainingQuota: 0,
  remainingRequests: 0,
  remainingImages: 0,
  remainingCost: 0,
  tokensConsumed: 0,
  exceeded: 0,
  retryAfter: 0,
} satisfies Record<keyof BudgetHeaders, 0>);
