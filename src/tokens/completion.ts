import { safeKey } from '../safe-key.ts';
import { baseModel, isReasoningModel } from './model.ts';

/** Most output tokens that each family can give, from the API's pages on its models; an unknown one counts as the largest. */
const MOST_OUTPUT: readonly (readonly [family: RegExp, tokens: number])[] = [
  [/gpt-3\.?5|gpt-4-turbo|gpt-4-(1106|0125|vision)/, 4_096],
  [/gpt-4\.1/, 32_768],
  [/gpt-4o|gpt-4\.5|chatgpt-4o|gpt-5-chat/, 16_384],
  [/gpt-4(-|$)/, 8_192],
  [/^o\d/, 100_000],
];
const LARGEST = 128_000;

/** The most output tokens that one choice of a model can have. */
export function maxCompletionTokens(model: string): number {
  const name = baseModel(model);
  return MOST_OUTPUT.find(([family]) => family.test(name))?.[1] ?? LARGEST;
}

/** Buckets grow by a quarter each, so an answer is at most 25 % above the quantile; 64 of them reach 1.3 million. */
const GROWTH = 1.25;
const BUCKETS = 64;
/** What calls of a model are expected to stay below before any was seen. */
const PRIOR = { plain: 1_024, reasoning: 8_192 };
/** How many seen calls a prior counts as. */
const PRIOR_WEIGHT = 4;
/** Old calls fade: all counts are halved when their sum reaches this. */
const FADE_AT = 2_048;
/** Histograms kept, of half a kilobyte each; the one made first goes first. */
const KEPT = 2_000;

/** Learns, in constant memory, how many output tokens calls without a bound of their own have. */
export class CompletionForecast {
  readonly #quantile: number;
  readonly #perKey: boolean;
  readonly #histograms = new Map<string, Histogram>();

  /**
   * @param quantile the share of calls whose output stays below the forecast, > 0 and < 1
   * @param perKey counter keys are learned apart; a new one is expected to be as the model's others are
   */
  constructor(quantile: number, perKey: boolean) {
    this.#quantile = quantile;
    this.#perKey = perKey;
  }

  /** Output tokens that about the quantile of the calls stay below, never more than the model can give. */
  expected(model: string, key: string): number {
    const histogram = this.#perKey ? this.#ofKey(model, key) : this.#ofModel(model);
    return Math.min(histogram.quantile(this.#quantile), maxCompletionTokens(model));
  }

  /** Notes the output tokens that one choice of a call had. */
  observe(model: string, key: string, tokens: number): void {
    if (this.#perKey) this.#ofKey(model, key).add(tokens);
    this.#ofModel(model).add(tokens);
  }

  #ofModel(model: string): Histogram {
    const prior = isReasoningModel(model) ? PRIOR.reasoning : PRIOR.plain;
    return this.#histogram(safeKey(model), () => prior);
  }

  #ofKey(model: string, key: string): Histogram {
    return this.#histogram(`${safeKey(model)}:${safeKey(key)}`, () =>
      this.#ofModel(model).quantile(this.#quantile),
    );
  }

  #histogram(name: string, prior: () => number): Histogram {
    const known = this.#histograms.get(name);
    if (known !== undefined) return known;
    const histogram = new Histogram(prior());
    for (const [first] of this.#histograms) {
      if (this.#histograms.size < KEPT) break;
      this.#histograms.delete(first);
    }
    this.#histograms.set(name, histogram);
    return histogram;
  }
}

class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #sum = PRIOR_WEIGHT;

  constructor(prior: number) {
    this.#counts[bucketOf(prior)] = PRIOR_WEIGHT;
  }

  quantile(share: number): number {
    let seen = 0;
    let bucket = 0;
    while (bucket < BUCKETS - 1) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= share * this.#sum) break;
      bucket++;
    }
    return upperEdge(bucket);
  }

  add(tokens: number): void {
    const bucket = bucketOf(tokens);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += 1;
    if (this.#sum < FADE_AT) return;
    for (const [i, n] of this.#counts.entries()) this.#counts[i] = n / 2;
    this.#sum /= 2;
  }
}

function bucketOf(tokens: number): number {
  const bucket = Math.ceil(Math.log(Math.max(1, tokens)) / Math.log(GROWTH));
  return Math.min(BUCKETS - 1, bucket);
}

function upperEdge(bucket: number): number {
  return Math.floor(GROWTH ** bucket);
}
