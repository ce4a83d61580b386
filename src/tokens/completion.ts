import { isReasoningModel } from './model.ts';

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
  return MOST_OUTPUT.find(([family]) => family.test(model))?.[1] ?? LARGEST;
}

/** Buckets grow by a quarter each, so an answer is at most 25 % above the quantile; 64 of them reach 1.3 million. */
const GROWTH = 1.25;
const BUCKETS = 64;
/** The share of calls whose output stays below the forecast. */
const QUANTILE = 0.95;
/** What calls are expected to stay below before any was seen, and how many seen calls that counts as. */
const PRIOR = { plain: 1_024, reasoning: 8_192, weight: 4 };
/** Old calls fade: all counts are halved when a model's reach this sum. */
const FADE_AT = 2_048;
/** Models remembered; a hostile stream of names cannot grow the memory. */
const MODELS = 1_000;

/** Learns, per model and in constant memory, how many output tokens calls without a bound of their own have. */
export class CompletionForecast {
  readonly #models = new Map<string, { readonly counts: Float64Array; sum: number }>();

  /** Output tokens that about 95 % of the model's calls stay below, never more than the model can give. */
  expected(model: string): number {
    const { counts, sum } = this.#histogram(model);
    let seen = 0;
    let bucket = 0;
    while (bucket < BUCKETS - 1) {
      seen += counts[bucket] ?? 0;
      if (seen >= QUANTILE * sum) break;
      bucket++;
    }
    return Math.min(upperEdge(bucket), maxCompletionTokens(model));
  }

  /** Notes the output tokens that one choice of a call had. */
  observe(model: string, tokens: number): void {
    const histogram = this.#histogram(model);
    const bucket = bucketOf(tokens);
    histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
    histogram.sum += 1;
    if (histogram.sum < FADE_AT) return;
    for (const [i, n] of histogram.counts.entries()) histogram.counts[i] = n / 2;
    histogram.sum /= 2;
  }

  #histogram(model: string) {
    const known = this.#models.get(model);
    if (known !== undefined) return known;
    if (this.#models.size >= MODELS) this.#models.clear();
    const counts = new Float64Array(BUCKETS);
    counts[bucketOf(isReasoningModel(model) ? PRIOR.reasoning : PRIOR.plain)] = PRIOR.weight;
    const histogram = { counts, sum: PRIOR.weight };
    this.#models.set(model, histogram);
    return histogram;
  }
}

function bucketOf(tokens: number): number {
  const bucket = Math.ceil(Math.log(Math.max(1, tokens)) / Math.log(GROWTH));
  return Math.min(BUCKETS - 1, bucket);
}

function upperEdge(bucket: number): number {
  return Math.floor(GROWTH ** bucket);
}
