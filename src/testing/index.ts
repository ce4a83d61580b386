/**
 * What an app needs to test itself against a budget, without network or waiting, in any test framework.
 *
 * What a call was charged is read from the budget: `await budget.flush(); await budget.usage()`.
 */
export type { Answer, AnswerTo, MockAnswer, MockError, MockRequest, MockUsage } from './answer.ts';
export { type Exhausted, type ExhaustOptions, exhaust } from './exhaust.ts';
export { type FailingStore, failingStore } from './failing-store.ts';
export { type ManualClock, manualClock, type TimeSpan } from './manual-clock.ts';
export { type MockFetch, type MockFetchOptions, mockFetch } from './mock-fetch.ts';
export { type DeniedCall, quotaExceeded } from './quota-exceeded.ts';
