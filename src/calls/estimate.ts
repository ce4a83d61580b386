import { BudgetError, UnknownPriceError } from '../errors.ts';
import type { Call } from '../limits/call.ts';
import { loadPrices, PriceBook, type Prices, type Pricing, type Quantities } from '../prices.ts';
import { tokenUpperBound } from '../tokens/bpe.ts';
import { CompletionForecast, maxCompletionTokens } from '../tokens/completion.ts';
import { encodingForModel, isReasoningModel } from '../tokens/model.ts';
import type { Reader } from '../tokens/reader.ts';
import { loadTokenizer, type Tokenizer } from '../tokens/tokenizer.ts';
import { MOST_COUNTED, NANODOLLARS, type Usage } from '../usage.ts';
import type { Endpoint } from './endpoint.ts';

/** Texts of more UTF-16 units than this are bounded, not counted: they are beyond any model's context. */
const COUNTED_LENGTH = 4_000_000;
/** Models remembered; a hostile stream of names cannot grow the memory. */
const REMEMBERED = 1_000;
/** Models of longer names are none of any API, and are not remembered. */
const LONGEST_NAME = 200;
/** Milliseconds after which a model's price is looked up again: some hold from a date on. */
const REFRESH = 3_600_000;

/** How to learn what calls without a bound use. */
export interface ExpectedCompletion {
  /** The share of calls whose output stays below what is reserved, > 0 and < 1. Default 0.95. */
  readonly quantile?: number | undefined;
  /** Learn for each counter key apart: for keys whose calls are alike, and unlike those of others. Default false. */
  readonly perKey?: boolean | undefined;
}

/**
 * Tokens of output to reserve for a call that sets no bound of its own: `expected` (or an object that says how) is what
 * such calls of the model mostly stayed below so far, `max` the most that it can give, `none` nothing; a function gives
 * its own number, per choice. An expectation is learned by each process for itself, from its own calls. It is never
 * more than a tenth of a limit: a guess must not be what makes a call impossible.
 */
export type CompletionMode =
  | 'expected'
  | 'max'
  | 'none'
  | { readonly expected: ExpectedCompletion }
  | ((call: Call) => number);

/** What estimating needs to know of a model. */
export interface Model extends Reader {
  /** Undefined if no price is known. */
  readonly pricing: Pricing | undefined;
}

/** What a call may use. */
export interface Estimate {
  readonly quantities: Quantities;
  readonly usage: Usage;
  /** The request sets no bound on its output; what is reserved for it is the completion mode's. */
  readonly unbounded: boolean;
}

export class Estimator {
  readonly #completion: CompletionMode;
  readonly #prices: PriceBook;
  readonly #clock: () => number;
  readonly #forecast: CompletionForecast;
  readonly #models = new Map<string, Model & { readonly until: number }>();

  constructor(completion: CompletionMode, prices: Prices, clock: () => number) {
    this.#completion = completion;
    const { quantile = 0.95, perKey = false } = typeof completion === 'object' ? completion.expected : {};
    this.#forecast = new CompletionForecast(quantile, perKey);
    this.#prices = new PriceBook(prices);
    this.#clock = clock;
  }

  /** At once if the model was asked for before; else when its token table and the price list are loaded. */
  model(name: string): Model | Promise<Model> {
    const known = this.#models.get(name);
    return known !== undefined && this.#clock() < known.until ? known : this.#load(name);
  }

  /**
   * Estimates a call of a governed endpoint. Sends and counts nothing.
   *
   * @param expectation what an expectation depends on: the call's counter key, and the output tokens above which none
   * is reserved
   */
  estimate(
    endpoint: Endpoint,
    call: Call,
    model: Model,
    expectation: { key(): string; most(): number },
  ): Estimate {
    let unbounded = false;
    const estimated = endpoint.estimate(call, {
      model,
      unboundedCompletion: (choices) => {
        unbounded = true;
        return this.#unbounded(call, choices, expectation);
      },
    });
    const quantities = countable(estimated);
    return { quantities, usage: usageFor(quantities, endpoint.free ? undefined : model.pricing), unbounded };
  }

  /** Learns from the output tokens that one choice of a call without a bound had. */
  observe(model: string, key: string, completionTokens: number): void {
    this.#forecast.observe(model, key, completionTokens);
  }

  #unbounded(call: Call, choices: number, { key, most }: { key(): string; most(): number }): number {
    const mode = this.#completion;
    if (mode === 'expected' || typeof mode === 'object')
      return Math.min(choices * this.#forecast.expected(call.model, key()), most());
    if (mode === 'max') return choices * maxCompletionTokens(call.model);
    if (mode === 'none') return 0;
    const tokens = mode(call);
    return choices * (Number.isFinite(tokens) && tokens >= 0 ? tokens : maxCompletionTokens(call.model));
  }

  async #load(name: string): Promise<Model> {
    const tokenizer = await loadTables(name);
    const now = this.#clock();
    const model = {
      name,
      tokens: (text: string) =>
        text.length > COUNTED_LENGTH ? tokenUpperBound(text) : tokenizer.count(text),
      reasoning: isReasoningModel(name),
      pricing: this.#prices.pricing(name, now),
      until: now + REFRESH,
    };
    if (name.length > LONGEST_NAME) return model;
    if (this.#models.size >= REMEMBERED) this.#models.clear();
    this.#models.set(name, model);
    return model;
  }
}

/** What an absurd request makes of a quantity counts as the most: infinity times a price of 0 is no number, and fits. */
function countable(quantities: Quantities): Quantities {
  const absurd = ([, value]: [string, number | undefined]) =>
    value !== undefined && !(value >= 0 && value <= MOST_COUNTED);
  const entries = Object.entries(quantities);
  if (!entries.some(absurd)) return quantities;
  const most = Object.fromEntries(entries.filter(absurd).map(([name]) => [name, MOST_COUNTED]));
  return { ...quantities, ...most };
}

async function loadTables(model: string): Promise<Tokenizer> {
  try {
    const [tokenizer] = await Promise.all([loadTokenizer(encodingForModel(model)), loadPrices()]);
    return tokenizer;
  } catch (cause) {
    throw new BudgetError(
      'the token table or the price list cannot be loaded: are js-tiktoken and @pydantic/genai-prices there?',
      { cause },
    );
  }
}

/** The Usage of one request that used these quantities; its cost is 0 where no price is known. */
export function usageFor(quantities: Quantities, pricing: Pricing | undefined): Usage {
  const { promptTokens, completionTokens, images } = quantities;
  return {
    requests: 1,
    promptTokens,
    completionTokens,
    tokens: promptTokens + completionTokens,
    images,
    cost: pricing === undefined ? 0 : pricing(quantities) / NANODOLLARS,
  };
}

/** @throws UnknownPriceError, for a call under a cost limit whose model has no price */
export function requirePrice(endpoint: Endpoint, model: Model): void {
  if (endpoint.free !== true && model.pricing === undefined)
    throw new UnknownPriceError(model.name, endpoint.path);
}
