import type { Fields } from '../json.ts';
import type { Usage } from '../usage.ts';

/** Who makes a call, as `withCaller()` says it. */
export interface Caller {
  /** Counter key, instead of the budget's. */
  readonly key?: string | undefined;
  /** Name of the caller's plan. */
  readonly plan?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  /** Place among calls that wait for a limit: 0 (first) to 9 (last), a whole number. Default 5. */
  readonly priority?: number | undefined;
  /** What else functions of the budget may ask for: a team, an organisation, an IP address. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
}

/** The plan that a call is made under. */
export interface CallPlan {
  readonly name: string;
  readonly billing: Billing | undefined;
  readonly attributes: Readonly<Record<string, string>>;
}

/** How a plan is paid for; told with its events, with no effect of its own. */
export type Billing = 'free' | 'commercial';

/** A call as limits and counter keys see it. */
export interface Call {
  /** The endpoint's path below the base URL, e.g. `/chat/completions`. */
  readonly endpoint: string;
  /** The model as the request names it, or Azure's deployment; empty if neither is given. */
  readonly model: string;
  /** The request's body, or its form fields. Read only. */
  readonly body: Fields;
  readonly caller: Caller;
  /** Undefined where the budget has no plans, or none holds for the call. */
  readonly plan?: CallPlan | undefined;
}

/** A counter key, or a function that finds it for a call. */
export type CounterKey = string | ((call: Call) => string);

/** How an attempt of a call ended. */
export interface Outcome {
  /** HTTP status of the answer; undefined if there was none. */
  readonly status: number | undefined;
  /** What it is charged with; undefined if it was certainly not billed. */
  readonly usage: Usage | undefined;
}

/** The plan of a call, as errors and events name it: where the budget has no plans, whatever the caller says. */
export function planName({ plan, caller }: Call): string | undefined {
  return plan?.name ?? caller.plan;
}
