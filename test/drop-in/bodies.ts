import { chatChunks, chatCompletion, chatUsage } from '../support/upstream.ts';

export const MODEL = 'gpt-4o-mini';
export const MESSAGES = [{ role: 'user' as const, content: 'Hello, OpenAI!' }];
export const HELLO = { model: MODEL, messages: MESSAGES };
export const STREAMED = { ...HELLO, stream: true as const };

/** Usage that no estimate is by chance. */
export const USAGE = chatUsage(1_009, 34);
export const INPUT_USAGE = { input_tokens: 1_009, output_tokens: 34, total_tokens: 1_043 };

export const COMPLETION = chatCompletion(USAGE);

/** A chat stream as the API sends it: where it is asked for usage, each chunk has the member. */
export function chat(pieces: readonly string[], usage: object = USAGE) {
  return (asked: boolean): readonly object[] => {
    if (!asked) return chatChunks(pieces);
    const [last, ...others] = chatChunks(pieces, usage).reverse();
    return [...others.reverse().map((chunk) => ({ ...chunk, usage: null })), last ?? {}];
  };
}

/** A call of a tool, whose arguments come in pieces. */
export function toolCallChunks(name: string, id: string, pieces: readonly string[]) {
  return (asked: boolean): readonly object[] => {
    const chunk = (delta: object, finish_reason: string | null = null) => ({
      ...(chat([])(asked)[0] as object),
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    });
    const call = { index: 0, id, type: 'function', function: { name, arguments: '' } };
    const list = [
      chunk({ role: 'assistant', content: null, tool_calls: [call], refusal: null }),
      ...pieces.map((text) => chunk({ tool_calls: [{ index: 0, function: { arguments: text } }] })),
      chunk({}, 'tool_calls'),
    ];
    return asked ? [...list, { ...chunk({}), choices: [], usage: USAGE }] : list;
  };
}

/** A completion that calls a tool. */
export function toolCall(name: string, id: string, args: string) {
  const call = { id, type: 'function', function: { name, arguments: args } };
  const message = { role: 'assistant', content: null, tool_calls: [call], refusal: null };
  return {
    ...COMPLETION,
    choices: [{ index: 0, message, logprobs: null, finish_reason: 'tool_calls' }],
  };
}

/** A response of the Responses API. */
export function response(text: string, more: object = {}) {
  const content = [{ type: 'output_text', text, annotations: [], logprobs: [] }];
  return {
    id: 'resp_1',
    object: 'response',
    created_at: 1_790_000_000,
    status: 'completed',
    error: null,
    incomplete_details: null,
    model: 'gpt-4o-mini-2024-07-18',
    output: [{ id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', content }],
    usage: { ...INPUT_USAGE, input_tokens_details: { cached_tokens: 0 } },
    ...more,
  };
}

/** The events of the Responses API for a text. */
export function responseEvents(pieces: readonly string[], more: object = {}): readonly object[] {
  const text = pieces.join('');
  const at = { item_id: 'msg_1', output_index: 0, content_index: 0 };
  const open = response('', { ...more, status: 'in_progress', output: [], usage: null });
  const item = { id: 'msg_1', type: 'message', role: 'assistant', status: 'in_progress', content: [] };
  const part = { type: 'output_text', text: '', annotations: [], logprobs: [] };
  const list: object[] = [
    { type: 'response.created', response: open },
    { type: 'response.in_progress', response: open },
    { type: 'response.output_item.added', output_index: 0, item },
    { type: 'response.content_part.added', ...at, part },
    ...pieces.map((delta) => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...at, text, logprobs: [] },
    { type: 'response.content_part.done', ...at, part: { ...part, text } },
    { type: 'response.output_item.done', output_index: 0, item: response(text).output[0] },
    { type: 'response.completed', response: response(text, more) },
  ];
  return list.map((event, sequence_number) => ({ ...event, sequence_number }));
}

export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** The text of a stream of the web, chunk by chunk. */
export async function textOf(stream: ReadableStream<Uint8Array> | null): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of stream ?? []) text += decoder.decode(chunk, { stream: true });
  return text;
}
