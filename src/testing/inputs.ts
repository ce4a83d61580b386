import { type Body, base64, json } from './body.ts';
import type { Reply } from './reply.ts';

/** Vectors of length 1, the same for the same input, in the encoding that was asked for. */
export function embeddingBody({ request, usage }: Reply): Body {
  const { body, model } = request;
  const dimensions = Number(body['dimensions'] ?? (model.includes('large') ? 3_072 : 1_536));
  const data = inputsOf(body['input']).map((input, index) => {
    const vector = vectorOf(JSON.stringify(input), dimensions);
    const embedding =
      body['encoding_format'] === 'base64' ? base64(new Uint8Array(vector.buffer)) : [...vector];
    return { object: 'embedding', index, embedding };
  });
  const { promptTokens = 0 } = usage ?? {};
  const report = usage && { usage: { prompt_tokens: promptTokens, total_tokens: promptTokens } };
  return json({ object: 'list', data, model, ...report });
}

/** Each text and each list of token ids is an input; the parts of a message are one. */
function inputsOf(input: unknown): readonly unknown[] {
  const several = Array.isArray(input) && (typeof input[0] === 'string' || Array.isArray(input[0]));
  return several ? input : [input];
}

function vectorOf(text: string, dimensions: number): Float32Array {
  // FNV-1a, then xorshift: any numbers will do that depend on the whole text.
  let state = 2_166_136_261;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 16_777_619);
  const raw = Array.from({ length: dimensions }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  });
  const length = Math.hypot(...raw) || 1;
  return Float32Array.from(raw, (value) => value / length);
}

const CATEGORIES = (
  'harassment harassment/threatening hate hate/threatening illicit illicit/violent self-harm self-harm/instructions ' +
  'self-harm/intent sexual sexual/minors violence violence/graphic'
).split(' ');

/** What is flagged is flagged as harassment. */
export function moderationBody({ request, nth, flagged }: Reply): Body {
  const each = <T>(value: (category: string) => T) =>
    Object.fromEntries(CATEGORIES.map((category) => [category, value(category)]));
  const is = (category: string) => flagged && category === 'harassment';
  const result = {
    flagged,
    categories: each(is),
    category_scores: each((category) => (is(category) ? 0.97 : 0.001)),
    category_applied_input_types: each(() => ['text']),
  };
  const results = inputsOf(request.body['input']).map(() => result);
  return json({ id: `modr-mock-${nth}`, model: request.model || 'omni-moderation-latest', results });
}
