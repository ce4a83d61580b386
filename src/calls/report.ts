import { type Fields, isFields } from '../json.ts';
import type { Quantities } from '../prices.ts';
import { MOST_COUNTED } from '../usage.ts';

const INPUT_DETAILS = ['prompt_tokens_details', 'input_tokens_details', 'input_token_details'];
const OUTPUT_DETAILS = ['completion_tokens_details', 'output_tokens_details'];
const NONE: Fields = {};

/**
 * The quantities that a `usage` object reports, in any of the API's shapes: chat and completions (`prompt_tokens`),
 * responses, images and transcriptions (`input_tokens`), audio by duration (`seconds`). Undefined if it is none of them
 * or holds a number that cannot be: then nothing is known of what was used, and the estimate stands.
 */
export function readUsage(usage: unknown, images: number): Quantities | undefined {
  if (!isFields(usage)) return undefined;
  if (usage['type'] === 'duration') return readDuration(usage['seconds'], images);
  const total = count(usage['total_tokens']);
  const completion = count(usage['completion_tokens'] ?? usage['output_tokens']);
  const prompt = count(usage['prompt_tokens'] ?? usage['input_tokens']);
  const promptTokens = prompt ?? (completion === undefined ? total : undefined);
  if (promptTokens === undefined || (completion ?? total) === undefined) return undefined;
  // The parts of the totals that have prices of their own.
  const input = firstFields(usage, INPUT_DETAILS);
  const output = firstFields(usage, OUTPUT_DETAILS);
  const quantities = {
    promptTokens,
    // Some servers count what a model thought in the total only; and who has no completion may leave it out.
    completionTokens: Math.max(completion ?? 0, (total ?? 0) - promptTokens),
    images,
    cachedTokens: count(input['cached_tokens']),
    cacheWriteTokens: count(input['cache_write_tokens']),
    audioPromptTokens: count(input['audio_tokens']),
    imagePromptTokens: count(input['image_tokens']),
    audioCompletionTokens: count(output['audio_tokens']),
    imageCompletionTokens: count(output['image_tokens']),
  };
  return Object.values(quantities).some(Number.isNaN) ? undefined : quantities;
}

function readDuration(seconds: unknown, images: number): Quantities | undefined {
  const duration = count(seconds);
  return duration === undefined || Number.isNaN(duration)
    ? undefined
    : { promptTokens: 0, completionTokens: 0, images, seconds: duration };
}

function firstFields(fields: Fields, names: readonly string[]): Fields {
  for (const name of names) {
    const value = fields[name];
    if (isFields(value)) return value;
  }
  return NONE;
}

/** Undefined if there is none; NaN for what no count can be. */
function count(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'number' && value >= 0 && value <= MOST_COUNTED ? value : Number.NaN;
}
