import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { referenceEvents } from '../responses/sse-reference.ts';
import { type Bytes, joined, text } from '../responses/streams.ts';

/** What answers are charged, written down once more, as plainly as can be. Shares no code with the source. */

type Json = Readonly<Record<string, unknown>>;

export interface Report {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // Text that is no JSON holds nothing.
    return undefined;
  }
}

const present = (value: unknown) => value !== undefined && value !== null;
const isCount = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 1e12;
const DETAILS = [
  ['prompt_tokens_details', 'input_tokens_details', 'input_token_details'],
  ['completion_tokens_details', 'output_tokens_details'],
] as const;
const PRICED = [
  ['cached_tokens', 'cache_write_tokens', 'audio_tokens', 'image_tokens'],
  ['audio_tokens', 'image_tokens'],
];

/** A usage is a report if all its counts are finite numbers from 0 to 10^12. */
export function reportOf(usage: unknown): Report | undefined {
  if (!isObject(usage)) return undefined;
  if (usage['type'] === 'duration') {
    return isCount(usage['seconds']) ? { promptTokens: 0, completionTokens: 0 } : undefined;
  }
  const prompt = usage['prompt_tokens'] ?? usage['input_tokens'];
  const completion = usage['completion_tokens'] ?? usage['output_tokens'];
  const total = usage['total_tokens'];
  const counts = [prompt, completion, total];
  for (const [i, names] of DETAILS.entries()) {
    const details = names.map((name) => usage[name]).find(isObject);
    for (const name of PRICED[i] ?? []) counts.push(details?.[name]);
  }
  if (counts.some((count) => present(count) && !isCount(count))) return undefined;
  if (!isCount(prompt) && !isCount(completion) && isCount(total))
    return { promptTokens: total, completionTokens: 0 };
  if (!isCount(prompt)) return undefined;
  if (!isCount(completion) && !isCount(total)) return undefined;
  const rest = isCount(total) ? total - prompt : 0;
  return { promptTokens: prompt, completionTokens: Math.max(isCount(completion) ? completion : 0, rest) };
}

export interface StreamRule {
  /** What an app sees that did not ask for its usage. */
  readonly shown: Bytes;
  readonly reported: Report | undefined;
  /** An event has come. */
  readonly heard: boolean;
  readonly failed: boolean;
  /** Output tokens. */
  readonly delivered: number;
}

/** What a whole stream of a chat comes to. */
export function streamRule(stream: Bytes): StreamRule {
  let [done, heard, failed] = [false, false, false];
  let reported: Report | undefined;
  const texts = new Map<string, string>();
  const shown = referenceEvents(stream).filter(({ data }) => {
    done ||= data?.startsWith('[DONE]') ?? false;
    if (done || data === undefined) return true;
    heard = true;
    const event = parsed(data);
    if (!isObject(event)) return true;
    failed ||= isObject(event['error']) || event['type'] === 'error' || event['type'] === 'response.failed';
    const report = reportOf(event['usage']);
    if (report === undefined) {
      deliver(event, texts);
      return true;
    }
    if (reported === undefined || sum(report) >= sum(reported)) reported = report;
    const { choices, error } = event;
    return !(Array.isArray(choices) && choices.length === 0 && !error);
  });
  let delivered = 0;
  for (const said of texts.values()) delivered += encode(said, { disallowedSpecial: new Set() }).length;
  return { shown: joined(shown.map(({ raw }) => raw)), reported, heard, failed, delivered };
}

/**
 * The events of a stream, each without the `"usage":null` that is there because the usage was asked for. What is no JSON
 * may have lost it too: no reader of it knows.
 */
export function withoutNullUsage(stream: Uint8Array): string[] {
  return referenceEvents(new Uint8Array(stream)).map(({ raw, data }) => {
    const event = data === undefined ? undefined : parsed(data);
    const letters = Buffer.from(raw).toString('latin1');
    if (event === undefined) return letters.replaceAll(/,\s*"usage"\s*:\s*null/g, '');
    if (!isObject(event) || event['usage'] !== null) return letters;
    return letters.replace(/(.*),\s*"usage"\s*:\s*null/s, '$1');
  });
}

function sum({ promptTokens, completionTokens }: Report): number {
  return promptTokens + completionTokens;
}

/** Texts of one choice belong together. */
function deliver({ choices }: Json, texts: Map<string, string>): void {
  for (const choice of Array.isArray(choices) ? choices : []) {
    if (!isObject(choice) || !isObject(choice['delta'])) continue;
    const { index } = choice;
    const slot = typeof index === 'string' || typeof index === 'number' ? String(index) : '';
    for (const name of ['content', 'refusal', 'reasoning_content']) {
      const said = choice['delta'][name];
      if (typeof said === 'string') texts.set(`${slot} ${name}`, (texts.get(`${slot} ${name}`) ?? '') + said);
    }
  }
}

/** What a JSON answer reports; undefined if nothing, and null if it is no JSON, of which no rule tells. */
export function answerRule(bytes: Bytes): Report | undefined | null {
  const value = parsed(text(bytes).replace(/^\ufeff/, ''));
  if (value === undefined) return null;
  return isObject(value) ? reportOf(value['usage']) : undefined;
}
