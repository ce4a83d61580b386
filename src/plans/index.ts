import type { Limit } from '../limits/limit.ts';
import type { Plan } from '../limits/plan.ts';

/** The plans for AI APIs that WSO2 API Manager comes with, for `budget: { plans: wso2Plans }`. */
export const wso2Plans: Readonly<Record<'AIGold' | 'AISilver' | 'AIBronze', Plan>> = {
  AIGold: wso2Plan(500, 50_000),
  AISilver: wso2Plan(100, 10_000),
  AIBronze: wso2Plan(10, 1_000),
};

/** The plans of the FinOps lab of Azure's AI gateway: a rate, a quota, and dollars a month. */
export const finOpsPlans: Readonly<Record<'platinum' | 'gold' | 'silver', Plan>> = {
  platinum: finOpsPlan(2_000, 15),
  gold: finOpsPlan(1_000, 10),
  silver: finOpsPlan(500, 5),
};

/** As an import of the policy gives it. */
function wso2Plan(requests: number, tokens: number): Plan {
  const limits: readonly Limit[] = [
    { requests, per: 'minute', window: 'fixed', name: 'quota of requests per minute' },
    { tokens, per: 'minute', window: 'fixed', name: 'quota of tokens per minute' },
  ];
  return { limits, onExceeded: 'reject', billing: 'free' };
}

function finOpsPlan(tokensPerMinute: number, cost: number): Plan {
  return {
    limits: [
      { tokens: tokensPerMinute, per: 'minute' },
      { tokens: 1_000_000, per: 'month' },
      { cost, per: 'month' },
    ],
  };
}
