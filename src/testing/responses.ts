import type { OpenAI } from 'openai';
import { type Body, base64, eventStream, inputUsage, json } from './body.ts';
import { CREATED, type Reply } from './reply.ts';

type Item = OpenAI.Responses.ResponseOutputMessage | OpenAI.Responses.ResponseFunctionToolCall;

export function responseBody(reply: Reply): Body {
  const { request, nth, usage } = reply;
  const items = itemsOf(reply);
  const { body } = request;
  const response = {
    id: `resp_mock_${nth}`,
    object: 'response' as const,
    created_at: CREATED,
    status: 'completed' as const,
    error: null,
    incomplete_details: null,
    instructions: typeof body['instructions'] === 'string' ? body['instructions'] : null,
    metadata: {},
    model: request.model,
    output: items,
    parallel_tool_calls: true,
    temperature: 1,
    text: (body['text'] ?? { format: { type: 'text' } }) as OpenAI.Responses.ResponseTextConfig,
    tool_choice: 'auto' as const,
    tools: (body['tools'] ?? []) as OpenAI.Responses.Tool[],
    top_p: 1,
    ...(usage && { usage: responseUsage(usage) }),
  } satisfies Partial<OpenAI.Responses.Response>;
  if (!reply.streamed) return json(response);
  const { usage: _, ...unused } = response;
  const begun = { ...unused, status: 'in_progress', output: [], usage: null };
  const events = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...items.flatMap((item, output_index) => itemEvents(item, output_index, reply.pieces)),
    { type: 'response.completed', response },
  ];
  const numbered = events.map((event, sequence_number) => ({ ...event, sequence_number }));
  return eventStream(numbered, 'named');
}

/** The answers of `/responses/compact`: what was said, as only the API can read it. */
export function compactionBody({ nth, text, usage }: Reply): Body {
  const summary = base64(new TextEncoder().encode(text));
  return json({
    id: `resp_mock_${nth}`,
    object: 'response.compaction',
    created_at: CREATED,
    output: [{ id: `cmp_mock_${nth}`, type: 'compaction', encrypted_content: summary }],
    ...(usage && { usage: responseUsage(usage) }),
  });
}

function itemsOf({ nth, pieces, text, toolCalls }: Reply): Item[] {
  const content = [{ type: 'output_text' as const, text, annotations: [], logprobs: [] }];
  const calls = toolCalls.map(({ id, ...call }, i) => {
    return {
      id: `fc_mock_${nth}_${i}`,
      type: 'function_call' as const,
      status: 'completed' as const,
      call_id: id,
      ...call,
    };
  });
  if (pieces.length === 0) return calls;
  return [
    { id: `msg_mock_${nth}`, type: 'message', status: 'completed', role: 'assistant', content },
    ...calls,
  ];
}

/** The events in which a stream delivers an item. */
function itemEvents(item: Item, output_index: number, pieces: readonly string[]): object[] {
  const at = { output_index, item_id: item.id };
  const begun = item.type === 'message' ? { content: [] } : { arguments: '' };
  const added = {
    type: 'response.output_item.added',
    output_index,
    item: { ...item, status: 'in_progress', ...begun },
  };
  const done = { type: 'response.output_item.done', output_index, item };
  if (item.type === 'function_call') {
    const type = 'response.function_call_arguments';
    return [
      added,
      { type: `${type}.delta`, ...at, delta: item.arguments },
      { type: `${type}.done`, ...at, name: item.name, arguments: item.arguments },
      done,
    ];
  }
  const [part] = item.content;
  const within = { ...at, content_index: 0 };
  return [
    added,
    { type: 'response.content_part.added', ...within, part: { ...part, text: '' } },
    ...pieces.map((delta) => ({ type: 'response.output_text.delta', ...within, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...within, text: pieces.join(''), logprobs: [] },
    { type: 'response.content_part.done', ...within, part },
    done,
  ];
}

function responseUsage(usage: NonNullable<Reply['usage']>) {
  return {
    ...inputUsage(usage),
    input_tokens_details: { cached_tokens: usage.cachedTokens, cache_write_tokens: 0 },
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}
