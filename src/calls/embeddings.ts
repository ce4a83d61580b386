import type { Endpoint } from './endpoint.ts';

export const embeddings: Endpoint = {
  path: '/embeddings',
  estimate({ body }, context) {
    return { promptTokens: inputTokens(body['input'], context.model.tokens), completionTokens: 0, images: 0 };
  },
};

/** Tokens of a text, of token ids, or of a list of either: no framing is added. */
export function inputTokens(input: unknown, tokens: (text: string) => number): number {
  if (typeof input === 'string') return tokens(input);
  if (!Array.isArray(input)) return 0;
  let sum = 0;
  for (const part of input) {
    if (typeof part === 'string') sum += tokens(part);
    else sum += Array.isArray(part) ? part.length : 1;
  }
  return sum;
}
