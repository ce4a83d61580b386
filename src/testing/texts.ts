import type { OpenAI } from 'openai';
import { isFields } from '../json.ts';
import { type Body, eventStream, json, promptUsage } from './body.ts';
import { CREATED, type Reply } from './reply.ts';

export function chatBody(reply: Reply): Body {
  const { request, nth, pieces, text, toolCalls, usage } = reply;
  const common = { id: `chatcmpl-mock-${nth}`, created: CREATED, model: request.model };
  const finish_reason = toolCalls.length > 0 ? 'tool_calls' : 'stop';
  const calls = toolCalls.map(({ id, ...body }) => ({ id, type: 'function' as const, function: body }));
  if (!reply.streamed) {
    const content = pieces.length > 0 ? text : null;
    const message = { role: 'assistant' as const, content, refusal: null };
    return json({
      ...common,
      object: 'chat.completion',
      choices: indexes(reply).map((index) => ({
        index,
        message: calls.length > 0 ? { ...message, tool_calls: calls } : message,
        logprobs: null,
        finish_reason,
      })),
      ...(usage && { usage: promptUsage(usage) }),
    } satisfies OpenAI.ChatCompletion);
  }
  const deltas: OpenAI.ChatCompletionChunk.Choice.Delta[] = [
    { role: 'assistant', content: pieces.length > 0 ? '' : null, refusal: null },
    ...pieces.map((content) => ({ content })),
    ...calls.flatMap(({ id, type, function: { name, arguments: args } }, index) => [
      { tool_calls: [{ index, id, type, function: { name, arguments: '' } }] },
      { tool_calls: [{ index, function: { arguments: args } }] },
    ]),
  ];
  const chunk = (choices: OpenAI.ChatCompletionChunk.Choice[]) =>
    ({ ...common, object: 'chat.completion.chunk', choices }) satisfies OpenAI.ChatCompletionChunk;
  const chunks = indexes(reply).flatMap((index) => [
    ...deltas.map((delta) => chunk([{ index, delta, logprobs: null, finish_reason: null }])),
    chunk([{ index, delta: {}, logprobs: null, finish_reason }]),
  ]);
  return eventStream(withUsage(reply, chunks, chunk([])));
}

export function completionBody(reply: Reply): Body {
  const { request, nth, pieces, usage } = reply;
  const common = {
    id: `cmpl-mock-${nth}`,
    object: 'text_completion' as const,
    created: CREATED,
    model: request.model,
  };
  const choices = (text: string, finish_reason: 'stop' | null) =>
    indexes(reply).map((index) => ({ index, text, logprobs: null, finish_reason }));
  if (!reply.streamed) {
    const report = usage && { usage: promptUsage(usage) };
    return json({ ...common, choices: choices(reply.text, 'stop') as OpenAI.CompletionChoice[], ...report });
  }
  const chunks = [...pieces.map((text) => choices(text, null)), choices('', 'stop')]
    .flat()
    .map((choice) => ({ ...common, choices: [choice] }));
  return eventStream(withUsage(reply, chunks, { ...common, choices: [] }));
}

/** A stream tells its usage where it is asked to: in a last event, and then the others say that they do not. */
function withUsage({ request, usage }: Reply, chunks: readonly object[], last: object): object[] {
  const options = request.body['stream_options'];
  if (usage === undefined || !isFields(options) || options['include_usage'] !== true) return [...chunks];
  return [...chunks.map((chunk) => ({ ...chunk, usage: null })), { ...last, usage: promptUsage(usage) }];
}

function indexes({ choices }: Reply): number[] {
  return Array.from({ length: choices }, (_, index) => index);
}
