import type { Fields } from '../json.ts';
import type { Call } from '../limits/call.ts';
import type { Quantities } from '../prices.ts';
import type { Reader } from '../tokens/reader.ts';
import { MOST_COUNTED } from '../usage.ts';

/** What an endpoint needs to say how much a call may use. */
export interface EstimateContext {
  readonly model: Reader;
  /** Tokens of output to reserve for a call that sets no bound, for all its choices together. */
  unboundedCompletion(choices: number): number;
}

/** What an event of a stream delivered: text by slot (a choice, a tool call), to be counted if the stream is cut. */
export type Deliver = (slot: string, text: string) => void;

/** One billable endpoint: what a call may use, read from its request, and what it used, read from its response. */
export interface Endpoint {
  /** Path below the base URL. */
  readonly path: string;
  /** The API bills nothing for it; only requests are counted. */
  readonly free?: boolean;
  /** Its streams report usage only where `stream_options.include_usage` asks for it. */
  readonly asksForUsage?: boolean;
  /** Its responses hold the images in `data`. */
  readonly countsImages?: boolean;
  /** An upload: its body may be a stream that cannot be read before it is sent. */
  readonly upload?: boolean;
  /** The most that the call may use, as far as its request tells. Never throws, whatever the body holds. */
  estimate(call: Call, context: EstimateContext): Quantities;
  /** The usage that an event of its stream reports elsewhere than in `usage`. */
  usageOfEvent?(event: Fields): unknown;
  /** Output that an event of the stream delivered. Without it, a cut stream is charged its estimate. */
  deliver?(event: Fields, deliver: Deliver): void;
}

/** What names a slot: an index or an id. Anything else, which may have no text at all, is no name. */
export function slotName(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** `n`, as the API reads it: 1 unless it is a number of at least 1. A wrong one never makes the estimate smaller. */
export function choicesOf(value: unknown): number {
  // A form holds it as a text. Of other values, some cannot even be tried to be made a number.
  const n = typeof value === 'number' || typeof value === 'string' ? Math.ceil(Number(value)) : 1;
  return n >= 1 ? Math.min(n, MOST_COUNTED) : 1;
}

/** A bound on output tokens: undefined unless it is a number of at least 0, so that a wrong one bounds nothing. */
export function boundOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : undefined;
}
