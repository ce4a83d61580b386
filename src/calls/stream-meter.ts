import { type Fields, isFields, parseFields } from '../json.ts';
import type { Quantities } from '../prices.ts';
import type { Endpoint } from './endpoint.ts';
import { readUsage } from './report.ts';

/** Events that may report usage or an error; the others are kept as text and only read if the stream is cut. */
const TELLING = /"(?:usage|error)"\s*:\s*[{"]|"type"\s*:\s*"error"/;
/** Text of events kept before it is counted and dropped, in UTF-16 units. */
const KEPT = 512 * 1_024;

/** What a stream told of its usage by the time it ended. */
export interface StreamReport {
  /** What the API reported; undefined if it did not. */
  readonly reported: Quantities | undefined;
  /** Any event has come. A body without events is no stream of events. */
  readonly heard: boolean;
  /** An event told of an error. */
  readonly failed: boolean;
  /** Output was delivered that cannot be counted: of an endpoint that has no such, or in an event too large to read. */
  readonly uncounted: boolean;
  /** Output tokens delivered, counted here; undefined if the endpoint's output is none that can be counted. */
  delivered(): number | undefined;
}

/** Reads the events of one stream as they pass, and sums up what they used. */
export class StreamMeter implements StreamReport {
  readonly #endpoint: Endpoint;
  readonly #tokens: (text: string) => number;
  #kept: string[] = [];
  #keptLength = 0;
  #counted = 0;
  #heard = false;
  #failed = false;
  #uncounted = false;
  #reported: Quantities | undefined;

  constructor(endpoint: Endpoint, tokens: (text: string) => number) {
    this.#endpoint = endpoint;
    this.#tokens = tokens;
  }

  get reported(): Quantities | undefined {
    return this.#reported;
  }

  get heard(): boolean {
    return this.#heard;
  }

  get failed(): boolean {
    return this.#failed;
  }

  get uncounted(): boolean {
    return this.#uncounted;
  }

  /** An event has passed that was too large to be read. */
  oversized(): void {
    this.#heard = true;
    this.#uncounted = true;
  }

  /** 'hide' for the event that only tells the usage: an app that did not ask for it must not see it. */
  event(data: string): 'hide' | undefined {
    this.#heard = true;
    if (TELLING.test(data)) {
      const event = parseFields(data);
      if (event !== undefined && this.#read(event)) return isUsageOnly(event) ? 'hide' : undefined;
    }
    this.#keep(data);
    return undefined;
  }

  /** Whether more than so many output tokens were delivered; undefined as `delivered()`. Counts only if they may be. */
  exceeds(tokens: number): boolean | undefined {
    if (this.#endpoint.deliver === undefined) return undefined;
    // No UTF-16 unit is more than three tokens, for it is at most three bytes.
    if (this.#counted + 3 * this.#keptLength > tokens) this.#count();
    return this.#counted > tokens;
  }

  delivered(): number | undefined {
    if (this.#endpoint.deliver === undefined) return undefined;
    this.#count();
    return this.#counted;
  }

  /** Whether the event reports usage. */
  #read(event: Fields): boolean {
    if (isFields(event['error']) || event['type'] === 'error' || event['type'] === 'response.failed')
      this.#failed = true;
    const { countsImages, usageOfEvent } = this.#endpoint;
    const usage = readUsage(event['usage'] ?? usageOfEvent?.(event), countsImages ? 1 : 0);
    if (usage === undefined) return false;
    const before = this.#reported;
    // Each image of a stream reports its own usage; elsewhere the last report is the whole, unless it takes back some.
    if (countsImages && before !== undefined) this.#reported = sum(before, usage);
    else if (before === undefined || tokensOf(usage) >= tokensOf(before)) this.#reported = usage;
    return true;
  }

  #keep(data: string): void {
    if (this.#endpoint.deliver === undefined) {
      this.#uncounted ||= !this.#failed;
      return;
    }
    // No object, so no output: a failed parse costs far more than this.
    if (!data.includes('{')) return;
    this.#kept.push(data);
    this.#keptLength += data.length;
    if (this.#keptLength > KEPT) this.#count();
  }

  #count(): void {
    const texts = new Map<string, string>();
    for (const data of this.#kept) {
      const event = parseFields(data);
      if (event === undefined) continue;
      this.#endpoint.deliver?.(event, (slot, text) => texts.set(slot, (texts.get(slot) ?? '') + text));
    }
    for (const text of texts.values()) this.#counted += this.#tokens(text);
    this.#kept = [];
    this.#keptLength = 0;
  }
}

/** The extra event of `stream_options.include_usage`: no choices, only the usage; and no error, which the app must see. */
function isUsageOnly({ usage, choices, error }: Fields): boolean {
  return isFields(usage) && Array.isArray(choices) && choices.length === 0 && !error;
}

function tokensOf({ promptTokens, completionTokens }: Quantities): number {
  return promptTokens + completionTokens;
}

function sum(a: Quantities, b: Quantities): Quantities {
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    images: a.images + b.images,
    imagePromptTokens: (a.imagePromptTokens ?? 0) + (b.imagePromptTokens ?? 0),
    imageCompletionTokens: (a.imageCompletionTokens ?? 0) + (b.imageCompletionTokens ?? 0),
    cachedTokens: (a.cachedTokens ?? 0) + (b.cachedTokens ?? 0),
  };
}
