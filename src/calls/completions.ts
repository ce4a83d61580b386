import { isFields, listOf } from '../json.ts';
import { inputTokens } from './embeddings.ts';
import { boundOf, choicesOf, type Endpoint, slotName } from './endpoint.ts';

/** What the API gives where the request sets no `max_tokens`. */
const DEFAULT_MAX_TOKENS = 16;

export const completions: Endpoint = {
  path: '/completions',
  asksForUsage: true,
  estimate({ body }, context) {
    const prompt = body['prompt'] ?? '<|endoftext|>';
    const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1;
    const choices = prompts * Math.max(choicesOf(body['n']), choicesOf(body['best_of']));
    const suffix = typeof body['suffix'] === 'string' ? context.model.tokens(body['suffix']) : 0;
    const promptTokens = inputTokens(prompt, context.model.tokens) + prompts * suffix;
    const echoed = body['echo'] === true ? promptTokens * choices : 0;
    return {
      promptTokens,
      completionTokens: choices * (boundOf(body['max_tokens']) ?? DEFAULT_MAX_TOKENS) + echoed,
      images: 0,
    };
  },
  deliver(event, deliver) {
    for (const choice of listOf(event['choices'])) {
      if (isFields(choice) && typeof choice['text'] === 'string')
        deliver(slotName(choice['index']), choice['text']);
    }
  },
};
