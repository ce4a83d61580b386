import { type Fields, isFields, listOf } from '../json.ts';
import { promptAudioTokens } from '../tokens/audio.ts';
import { chatPromptTokens } from '../tokens/chat.ts';
import { boundOf, choicesOf, type Deliver, type Endpoint, slotName } from './endpoint.ts';

export const chat: Endpoint = {
  path: '/chat/completions',
  asksForUsage: true,
  estimate({ body }, context) {
    const choices = choicesOf(body['n']);
    const bound = boundOf(body['max_completion_tokens']) ?? boundOf(body['max_tokens']);
    const completionTokens = bound === undefined ? context.unboundedCompletion(choices) : choices * bound;
    return {
      promptTokens: chatPromptTokens(body, context.model),
      completionTokens,
      images: 0,
      audioPromptTokens: promptAudioTokens(body['messages']),
      // Where the model may speak, all of it may be speech.
      audioCompletionTokens: listOf(body['modalities']).includes('audio') ? completionTokens : 0,
    };
  },
  deliver(event, deliver) {
    for (const choice of listOf(event['choices'])) {
      if (!isFields(choice) || !isFields(choice['delta'])) continue;
      const slot = slotName(choice['index']);
      for (const name of TEXTS) deliverText(choice['delta'], name, `${slot} ${name}`, deliver);
      for (const call of listOf(choice['delta']['tool_calls'])) {
        if (isFields(call)) deliverToolCall(call, `${slot} tool ${slotName(call['index'])}`, deliver);
      }
    }
  },
};

/** Texts of a delta; `reasoning_content` is what compatible servers call theirs. */
const TEXTS = ['content', 'refusal', 'reasoning_content'];

function deliverToolCall(call: Fields, slot: string, deliver: Deliver): void {
  for (const body of [call['function'], call['custom']]) {
    if (!isFields(body)) continue;
    for (const name of ['name', 'arguments', 'input']) deliverText(body, name, `${slot} ${name}`, deliver);
  }
}

function deliverText(fields: Fields, name: string, slot: string, deliver: Deliver) {
  const text = fields[name];
  if (typeof text === 'string' && text !== '') deliver(slot, text);
}
