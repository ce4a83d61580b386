import type { Model } from './calls/estimate.ts';
import { type Fields, isFields, listOf } from './json.ts';
import type { Call } from './limits/call.ts';
import type { LimitPreview } from './limits/preview.ts';
import type { Quantities } from './prices.ts';
import { NANODOLLARS, type Usage } from './usage.ts';

/** Where an estimate comes from. */
export interface EstimateParts {
  /** Prompt tokens of messages, instructions and input: all that is not below. */
  readonly messages: number;
  /** Prompt tokens of images to look at. */
  readonly images: number;
  /** Prompt tokens of tools and functions. */
  readonly tools: number;
  /** Prompt tokens of the schema that the output has to follow. */
  readonly schema: number;
  /** Tokens reserved for the output. */
  readonly completion: number;
  /** US dollars; undefined where no price is known. */
  readonly dollars: { readonly prompt: number; readonly completion: number } | undefined;
}

/** What a budget would make of a call. */
export interface Explanation {
  readonly endpoint: string;
  readonly model: string;
  /** The counter key of the call. */
  readonly key: string;
  /** What would be reserved. */
  readonly usage: Usage;
  readonly parts: EstimateParts;
  /** Each limit that applies. */
  readonly limits: readonly LimitPreview[];
  /** Whether the call would be admitted now. */
  readonly admitted: boolean;
  /** Milliseconds until it would be, 0 if now; undefined if never. Others may be faster. */
  readonly retryAfterMs: number | undefined;
}

const SCHEMAS = ['response_format', 'text'];
const TOOLS = ['tools', 'functions', 'tool_choice', 'function_call', 'parallel_tool_calls'];
const PROMPTS = ['messages', 'input'];

/**
 * Splits an estimate by what it would be less without each part.
 *
 * @param promptTokens estimates other fields of the same call
 */
export function partsOf(
  quantities: Quantities,
  { pricing }: Model,
  promptTokens: (fields: Fields) => number,
  body: Fields,
): EstimateParts {
  const noSchema = without(body, SCHEMAS);
  const noTools = without(noSchema, TOOLS);
  const [unformatted, untooled] = [promptTokens(noSchema), promptTokens(noTools)];
  const messages = promptTokens(withoutImages(noTools));
  return {
    messages,
    images: untooled - messages,
    tools: unformatted - untooled,
    schema: quantities.promptTokens - unformatted,
    completion: quantities.completionTokens,
    dollars: pricing === undefined ? undefined : dollarsOf(quantities, pricing),
  };
}

function dollarsOf(quantities: Quantities, pricing: (quantities: Quantities) => number) {
  const whole = pricing(quantities);
  const prompt = pricing({ ...quantities, completionTokens: 0, imageCompletionTokens: 0, images: 0 });
  return { prompt: prompt / NANODOLLARS, completion: (whole - prompt) / NANODOLLARS };
}

export function explanationOf(
  { endpoint, model }: Call,
  key: string,
  usage: Usage,
  parts: EstimateParts,
  limits: readonly LimitPreview[],
): Explanation {
  const waits = limits.map(({ retryAfterMs }) => retryAfterMs ?? Infinity);
  const longest = Math.max(0, ...waits);
  return {
    endpoint,
    model,
    key,
    usage,
    parts,
    limits,
    admitted: limits.every(({ fits }) => fits),
    retryAfterMs: longest === Infinity ? undefined : longest,
  };
}

function without(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function withoutImages(fields: Fields): Fields {
  const copy: Record<string, unknown> = { ...fields };
  for (const name of PROMPTS) {
    if (Array.isArray(copy[name])) copy[name] = listOf(copy[name]).map(messageWithoutImages);
  }
  return copy;
}

function messageWithoutImages(message: unknown): unknown {
  if (!isFields(message) || !Array.isArray(message['content'])) return message;
  return { ...message, content: listOf(message['content']).filter((part) => !isImage(part)) };
}

function isImage(part: unknown): boolean {
  return isFields(part) && (part['type'] === 'image_url' || part['type'] === 'input_image');
}
