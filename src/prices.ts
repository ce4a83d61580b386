import type { calcPrice, ModelPrice } from '@pydantic/genai-prices';
import { NANODOLLARS } from './usage.ts';

/**
 * What a model costs, in US dollars: per million tokens, per million characters of speech, per image, per second of
 * audio, per request. A part that is left out costs as the part that it is of (cached input as input), or nothing.
 */
export interface Price {
  readonly input?: number | undefined;
  readonly cachedInput?: number | undefined;
  readonly cacheWrite?: number | undefined;
  readonly audioInput?: number | undefined;
  readonly imageInput?: number | undefined;
  readonly output?: number | undefined;
  readonly audioOutput?: number | undefined;
  readonly imageOutput?: number | undefined;
  readonly image?: number | undefined;
  readonly second?: number | undefined;
  readonly character?: number | undefined;
  readonly request?: number | undefined;
}

/** Prices by model name: a Price, or the name of the model that it costs the same as (for Azure's deployments). */
export type Prices = Readonly<Record<string, Price | string>>;

export const PRICE_PARTS: readonly (keyof Price)[] = [
  'input',
  'cachedInput',
  'cacheWrite',
  'audioInput',
  'imageInput',
  'output',
  'audioOutput',
  'imageOutput',
  'image',
  'second',
  'character',
  'request',
];

/** What is billed of a call, before it is priced. The parts of the input and output are contained in their totals. */
export interface Quantities {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly images: number;
  readonly cachedTokens?: number | undefined;
  readonly cacheWriteTokens?: number | undefined;
  readonly audioPromptTokens?: number | undefined;
  readonly imagePromptTokens?: number | undefined;
  readonly audioCompletionTokens?: number | undefined;
  readonly imageCompletionTokens?: number | undefined;
  /** Seconds of audio, where the API bills by duration. */
  readonly seconds?: number | undefined;
  /** Characters of text to speak. */
  readonly characters?: number | undefined;
}

/** Dollars for quantities, in whole nanodollars. */
export type Pricing = (quantities: Quantities) => number;

type PriceList = { readonly calcPrice: typeof calcPrice };

let list: PriceList | undefined;
let loading: Promise<PriceList> | undefined;

/** Loads the price list of genai-prices, once per process. A failed load is tried again by the next call. */
export async function loadPrices(): Promise<void> {
  if (list !== undefined) return;
  loading ??= import('@pydantic/genai-prices').finally(() => {
    loading = undefined;
  });
  list = await loading;
}

/** The prices of one budget: its own first, then those of the price list. */
export class PriceBook {
  readonly #own: Prices;

  constructor(own: Prices) {
    this.#own = own;
  }

  /** How a model is priced, or undefined if no price is known. The price list must be loaded. */
  pricing(model: string, now: number): Pricing | undefined {
    const own = Object.hasOwn(this.#own, model) ? this.#own[model] : undefined;
    if (typeof own === 'object') return pricingOf(own);
    const name = own ?? model;
    // Routers put the provider before the name: openai/gpt-4o.
    return listedPricing(name, now) ?? listedPricing(name.slice(name.lastIndexOf('/') + 1), now);
  }
}

/** No model's name is longer; the time to look one up grows with it. */
const LONGEST_NAME = 200;

function listedPricing(model: string, now: number): Pricing | undefined {
  if (list === undefined || model === '' || model.length > LONGEST_NAME) return undefined;
  const { calcPrice } = list;
  const options = { providerId: 'openai', timestamp: new Date(now) };
  const found = calcPrice({ input_tokens: 0, output_tokens: 0 }, model, options);
  if (found === null) return undefined;
  const flat = flatPrice(found.model_price);
  if (flat !== undefined) return pricingOf(flat);
  return (quantities) => {
    const result = calcPrice(listUsage(consistent(quantities)), model, options);
    return Math.round((result?.total_price ?? 0) * NANODOLLARS);
  };
}

/** The list's price as ours, or undefined if it has tiers or parts that only the list's own calculation knows. */
function flatPrice(listed: ModelPrice): Price | undefined {
  const price: { -readonly [P in keyof Price]: Price[P] } = {};
  for (const [key, value] of Object.entries(listed)) {
    if (value === undefined || IRRELEVANT.has(key)) continue;
    const part = PARTS_OF_LIST[key];
    if (part === undefined || typeof value !== 'number') return undefined;
    price[part] = part === 'second' ? value / 3_600 : value;
  }
  return price;
}

const PARTS_OF_LIST: Readonly<Record<string, keyof Price>> = {
  input_mtok: 'input',
  cache_read_mtok: 'cachedInput',
  cache_write_mtok: 'cacheWrite',
  input_audio_mtok: 'audioInput',
  input_image_mtok: 'imageInput',
  output_mtok: 'output',
  output_audio_mtok: 'audioOutput',
  output_image_mtok: 'imageOutput',
  audio_hours: 'second',
};

/** Parts of the list's prices that no usage report of the governed endpoints tells apart. */
const IRRELEVANT: ReadonlySet<string> = new Set([
  'web_searches_kcount',
  'storage_searches_kcount',
  'cache_audio_read_mtok',
  'cache_image_read_mtok',
  'input_audio_hours',
]);

function listUsage(q: Quantities) {
  return {
    input_tokens: q.promptTokens,
    output_tokens: q.completionTokens,
    cache_read_tokens: q.cachedTokens,
    cache_write_tokens: q.cacheWriteTokens,
    input_audio_tokens: q.audioPromptTokens,
    input_image_tokens: q.imagePromptTokens,
    output_audio_tokens: q.audioCompletionTokens,
    output_image_tokens: q.imageCompletionTokens,
  };
}

/** Linear price: each part of the input and output at its own rate, what remains at the general one. */
function pricingOf(price: Price): Pricing {
  // Dollars per million tokens or characters are 1,000 nanodollars for one.
  const rate = (part: number | undefined) => (part ?? 0) * 1_000;
  const input = rate(price.input);
  const cached = rate(price.cachedInput ?? price.input) - input;
  const written = rate(price.cacheWrite ?? price.input) - input;
  const heard = rate(price.audioInput ?? price.input) - input;
  const seen = rate(price.imageInput ?? price.input) - input;
  const output = rate(price.output);
  const spoken = rate(price.audioOutput ?? price.output) - output;
  const drawn = rate(price.imageOutput ?? price.output) - output;
  const character = rate(price.character);
  const image = (price.image ?? 0) * NANODOLLARS;
  const second = (price.second ?? 0) * NANODOLLARS;
  const request = (price.request ?? 0) * NANODOLLARS;
  return (quantities) => {
    const q = consistent(quantities);
    return Math.round(
      q.promptTokens * input +
        (q.cachedTokens ?? 0) * cached +
        (q.cacheWriteTokens ?? 0) * written +
        (q.audioPromptTokens ?? 0) * heard +
        (q.imagePromptTokens ?? 0) * seen +
        q.completionTokens * output +
        (q.audioCompletionTokens ?? 0) * spoken +
        (q.imageCompletionTokens ?? 0) * drawn +
        (q.characters ?? 0) * character +
        q.images * image +
        (q.seconds ?? 0) * second +
        request,
    );
  };
}

/** Parts that are more than their total are no parts of it: then all of it costs the general rate. */
function consistent(q: Quantities): Quantities {
  const input =
    (q.cachedTokens ?? 0) +
    (q.cacheWriteTokens ?? 0) +
    (q.audioPromptTokens ?? 0) +
    (q.imagePromptTokens ?? 0);
  const output = (q.audioCompletionTokens ?? 0) + (q.imageCompletionTokens ?? 0);
  if (input <= q.promptTokens && output <= q.completionTokens) return q;
  const { promptTokens, completionTokens, images, seconds, characters } = q;
  return { promptTokens, completionTokens, images, seconds, characters };
}
