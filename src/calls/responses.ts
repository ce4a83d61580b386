import { isFields } from '../json.ts';
import { promptAudioTokens } from '../tokens/audio.ts';
import { responsesPromptTokens } from '../tokens/responses.ts';
import { boundOf, type Endpoint, slotName } from './endpoint.ts';

export const responses: Endpoint = {
  path: '/responses',
  estimate({ body }, context) {
    return {
      promptTokens: responsesPromptTokens(body, context.model),
      completionTokens: boundOf(body['max_output_tokens']) ?? context.unboundedCompletion(1),
      images: 0,
      audioPromptTokens: promptAudioTokens(body['input']),
    };
  },
  usageOfEvent(event) {
    return isFields(event['response']) ? event['response']['usage'] : undefined;
  },
  deliver(event, deliver) {
    const { type, delta } = event;
    if (typeof type !== 'string' || typeof delta !== 'string' || !type.endsWith('.delta')) return;
    deliver(`${slotName(event['item_id'])} ${slotName(event['content_index'])} ${type}`, delta);
  },
};

/** A conversation made shorter by the model; it is not streamed, and takes no bound. */
export const compactions: Endpoint = { path: '/responses/compact', estimate: responses.estimate };
