import { AzureOpenAI, type ClientOptions, OpenAI } from 'openai';
import { Budget } from './budget.ts';
import { BudgetOptionError } from './errors.ts';
import { Governor, type RequestOptions } from './governor.ts';
import type { Caller } from './limits/call.ts';
import type { BudgetOptions } from './options.ts';
import { callerOf } from './policy-options.ts';

interface Governed {
  /** The budget of every billable call: a Budget, which several clients may share, or the options of a new one. */
  readonly budget: Budget | BudgetOptions;
  /** Whom the calls are made for. Default: nobody in particular, so the budget's own key counts. */
  readonly caller?: Caller | undefined;
}

type BuiltRequest = ReturnType<OpenAI['buildRequest']>;

export type GovernedClientOptions = ClientOptions & Governed;
export type GovernedAzureClientOptions = NonNullable<ConstructorParameters<typeof AzureOpenAI>[0]> & Governed;

/**
 * An `OpenAI` whose billable calls are checked against a budget before they are sent and charged with what they used.
 * Every call behaves as in the SDK, except that it rejects with `QuotaExceeded` where it does not fit.
 *
 * The seams, and why these: `prepareOptions` runs once per attempt before anything is built, and what it throws reaches
 * the app untouched and unretried; the answer is watched in `fetch`, which the attempt reaches inside the request that
 * `buildRequest` makes, because the SDK hands all of that on; `makeRequest` hears of what fails in between.
 *
 * @throws BudgetOptionError for a wrong option of the budget
 */
export class GovernedOpenAI extends OpenAI {
  /** The budget of this client's calls. */
  readonly budget: Budget;
  readonly #governor: Governor;

  constructor(options: GovernedClientOptions) {
    const governed = governedOptions(options);
    super(governed);
    this.budget = governed.budget;
    this.#governor = new Governor(governed.budget, governed.caller);
  }

  /** The same client with other options; the budget is kept unless another is given. */
  override withOptions(options: Partial<GovernedClientOptions>): this {
    return super.withOptions(options);
  }

  /** The same client on the same budget, for another caller: another counter key, plan or roles. */
  withCaller(caller: Caller): this {
    return this.withOptions({ caller });
  }

  protected override async prepareOptions(options: RequestOptions): Promise<void> {
    await super.prepareOptions(options);
    await this.#governor.prepare(options);
  }

  override buildRequest(options: RequestOptions, props?: { retryCount?: number }): BuiltRequest {
    return Governor.handOn(options, super.buildRequest(options, props));
  }

  static {
    Governor.watchAttempts(GovernedOpenAI);
  }
}

/** `GovernedOpenAI` for Azure: see there. The deployment counts as the model. */
export class GovernedAzureOpenAI extends AzureOpenAI {
  /** The budget of this client's calls. */
  readonly budget: Budget;
  readonly #governor: Governor;

  constructor(options: GovernedAzureClientOptions) {
    const governed = governedOptions(options);
    super(governed);
    this.budget = governed.budget;
    this.#governor = new Governor(governed.budget, governed.caller);
  }

  /** The same client with other options; the budget is kept unless another is given. */
  override withOptions(options: Partial<GovernedAzureClientOptions>): this {
    const azure: Partial<GovernedAzureClientOptions> = {
      apiVersion: this.apiVersion,
      deployment: this.deploymentName,
    };
    // Version 6 of the SDK forgets these two.
    return super.withOptions({ ...azure, ...options });
  }

  /** The same client on the same budget, for another caller: another counter key, plan or roles. */
  withCaller(caller: Caller): this {
    return this.withOptions({ caller });
  }

  protected override async prepareOptions(options: RequestOptions): Promise<void> {
    await super.prepareOptions(options);
    await this.#governor.prepare(options, this.deploymentName);
  }

  override buildRequest(options: RequestOptions, props?: { retryCount?: number }): BuiltRequest {
    return Governor.handOn(options, super.buildRequest(options, props));
  }

  static {
    Governor.watchAttempts(GovernedAzureOpenAI);
  }
}

/** The SDK's options with the budget made and its fetch watched; the SDK carries all of them over in `withOptions()`. */
function governedOptions<O extends Governed & { fetch?: ClientOptions['fetch'] }>(options: O) {
  const { budget: given, caller: from = {}, fetch = globalThis.fetch } = options ?? {};
  if (given === undefined) {
    throw new BudgetOptionError('budget', 'the options of a budget, or a Budget', given);
  }
  const budget = given instanceof Budget ? given : new Budget(given);
  const caller = callerOf('caller', from);
  return { ...options, budget, caller, fetch: Governor.watch(fetch, budget, caller) };
}
