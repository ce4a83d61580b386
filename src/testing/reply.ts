import { choicesOf } from '../calls/endpoint.ts';
import { isFields } from '../json.ts';
import type { MockAnswer, MockRequest, MockUsage } from './answer.ts';

/** Where the API says when: a moment that stands still, so that answers can be compared with snapshots. */
export const CREATED = 1_790_000_000;

/** An answer with all that an endpoint needs to write it in its form. */
export interface Reply {
  readonly request: MockRequest;
  /** Which of the mock's answers it is, from 1: part of ids. */
  readonly nth: number;
  /** The text as a stream delivers it. */
  readonly pieces: readonly string[];
  readonly text: string;
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  /** Outputs, or images: all alike. */
  readonly choices: number;
  readonly streamed: boolean;
  readonly flagged: boolean;
  /** Undefined: none is reported. */
  readonly usage: ReportedUsage | undefined;
}

export type ReportedUsage = { readonly [F in keyof MockUsage]-?: number };

/** @param usage of the mock, for an answer that has none of its own */
export function replyOf(
  request: MockRequest,
  nth: number,
  answer: MockAnswer,
  usage: MockUsage | null | undefined,
): Reply {
  const { body } = request;
  const pieces = piecesOf(answer);
  const toolCalls = (answer.toolCalls ?? []).map((call, i) => ({
    id: `call_mock_${nth}_${i}`,
    name: call.name,
    arguments: typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments),
  }));
  const reply = {
    request,
    nth,
    pieces,
    text: pieces.join(''),
    toolCalls,
    choices: choicesOf(body['n']),
    // A form holds it as a text.
    streamed: body['stream'] === true || body['stream'] === 'true',
    flagged: answer.flagged ?? false,
  };
  const chosen = answer.usage === undefined ? usage : answer.usage;
  return { ...reply, usage: chosen === null ? undefined : reportedUsage(reply, chosen ?? {}) };
}

function piecesOf({ content, json, toolCalls }: MockAnswer): readonly string[] {
  if (typeof content === 'object') return content;
  const text =
    json === undefined ? (content ?? (toolCalls === undefined ? 'Hello!' : '')) : JSON.stringify(json);
  return text === '' ? [] : text.split(/(?<=\s)(?=\S)/);
}

/** Bytes of audio a second: 128 kbit/s. */
const BYTES_PER_SECOND = 16_000;
const TOKENS_PER_SECOND = 10;
/** Of gpt-image-1 at medium quality, 1024x1024. */
const TOKENS_PER_IMAGE = 1_056;

function reportedUsage(reply: Omit<Reply, 'usage'>, chosen: MockUsage): ReportedUsage {
  const { endpoint, body } = reply.request;
  const { file, messages, instructions, input, prompt } = body;
  const seconds = chosen.seconds ?? (file instanceof Blob ? Math.ceil(file.size / BYTES_PER_SECOND) : 0);
  const each = endpoint.startsWith('/images/')
    ? TOKENS_PER_IMAGE
    : tokensOf(reply.text) + tokensOf(reply.toolCalls.map((call) => call.name + call.arguments));
  return {
    promptTokens:
      chosen.promptTokens ??
      tokensOf([messages, instructions, input, prompt]) + Math.ceil(seconds * TOKENS_PER_SECOND),
    completionTokens: chosen.completionTokens ?? each * reply.choices,
    cachedTokens: chosen.cachedTokens ?? 0,
    reasoningTokens: chosen.reasoningTokens ?? 0,
    seconds,
  };
}

/** One for every four characters of each text, and one for a number, which is a token's id. */
function tokensOf(value: unknown): number {
  if (typeof value === 'string') return Math.ceil(value.length / 4);
  if (typeof value === 'number') return 1;
  if (Array.isArray(value)) return value.reduce((sum: number, part: unknown) => sum + tokensOf(part), 0);
  return isFields(value) ? tokensOf([value['content'], value['text'], value['output']]) : 0;
}
