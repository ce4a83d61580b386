import fc from 'fast-check';
import { type Bytes, joined, utf8 } from '../responses/streams.ts';

/** Answers, streams and requests that are nearly right, and some that are not at all. */

const count = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 5_000 }) },
  { weight: 1, arbitrary: fc.double() },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>(
      -1,
      -0,
      0.5,
      1e12,
      1e12 + 1,
      1e300,
      null,
      true,
      '9',
      '',
      [],
      [9],
      {},
      { toString: 0 },
    ),
  },
);
const details = fc.oneof(
  fc.constantFrom<unknown>(null, 5, [], {}),
  fc.record({ cached_tokens: count, audio_tokens: count, image_tokens: count }, { requiredKeys: [] }),
);
const good = fc
  .tuple(fc.nat(5_000), fc.nat(5_000))
  .map(([prompt_tokens, completion_tokens]) => ({ prompt_tokens, completion_tokens }));
const usage: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: good },
  {
    weight: 4,
    arbitrary: fc.record(
      {
        prompt_tokens: count,
        completion_tokens: count,
        total_tokens: count,
        input_tokens: count,
        output_tokens: count,
        type: fc.constantFrom('duration', 'tokens'),
        seconds: count,
        prompt_tokens_details: details,
        completion_tokens_details: details,
        constructor: count,
      },
      { requiredKeys: [] },
    ),
  },
  { weight: 1, arbitrary: fc.jsonValue() },
);

const said = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('Hello', ' world', '!', ' 東京', ' é', '😀', '<|endoftext|>', '') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
);
const index = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom<unknown>(0, 1) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(null, '0', { toString: 1 }, [[0]], {}) },
);
const choice = fc.oneof(
  { weight: 6, arbitrary: fc.record({ index, delta: fc.record({ content: said }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      index,
      delta: fc.record({ refusal: said, reasoning_content: said }, { requiredKeys: [] }),
    }),
  },
  { weight: 1, arbitrary: fc.jsonValue() },
);
const event: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ choices: fc.array(choice, { minLength: 1, maxLength: 2 }) }) },
  { weight: 3, arbitrary: fc.record({ choices: fc.constant([]), usage }) },
  {
    weight: 1,
    arbitrary: fc.record({ choices: fc.array(choice, { maxLength: 1 }), usage, error: fc.jsonValue() }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ error: { message: 'no' } }, { type: 'error' }, { error: 'no' }) },
  { weight: 1, arbitrary: fc.jsonValue() },
);
/** As JSON, which may be damaged. */
const data = fc.oneof(
  { weight: 12, arbitrary: event.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: event.map((value) => JSON.stringify(value).slice(0, -1)) },
  { weight: 1, arbitrary: fc.constantFrom('[DONE]', '', '{', '"usage":{', '\0') },
);
const lineEnd = fc.constantFrom('\n', '\n', '\n', '\r\n', '\r');
const frame = fc
  .tuple(fc.constantFrom('', ': ping', 'event: x', 'id: 1', '\ufeff'), data, lineEnd, lineEnd)
  .map(([before, text, first, second]) =>
    utf8(`${before && before !== '\ufeff' ? before + first : before}data: ${text}${first}${second}`),
  );
const piece = fc.oneof(
  { weight: 12, arbitrary: frame },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 6 }).map((bytes) => new Uint8Array(bytes)) },
  { weight: 1, arbitrary: fc.constantFrom('\n', '\r', '\n\n', 'data', 'data:', ': x\n\n').map(utf8) },
);

export const stream: fc.Arbitrary<Bytes> = fc
  .tuple(fc.array(piece, { maxLength: 12 }), fc.constantFrom('', 'data: [DONE]\n\n'))
  .map(([pieces, end]) => joined([...pieces, utf8(end)]));

const answerObject = fc.record(
  {
    id: fc.string(),
    choices: fc.array(fc.oneof(choice, fc.record({ usage }))),
    usage,
    data: fc.jsonValue(),
    error: fc.jsonValue(),
    ['"usage"']: usage,
    ['__proto__']: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const damage = fc.tuple(
  fc.nat(),
  fc.constantFrom('', '{', '"', '\\', '}', '[', '"usage":{"prompt_tokens":0,"total_tokens":0},'),
);

/** An answer in JSON, whole or damaged; or other bytes. */
export const answer: fc.Arbitrary<Bytes> = fc.oneof(
  { weight: 6, arbitrary: answerObject.map((value) => utf8(JSON.stringify(value))) },
  { weight: 2, arbitrary: answerObject.map((value) => utf8(`\ufeff ${JSON.stringify(value, null, 2)}\r\n`)) },
  {
    weight: 3,
    arbitrary: fc.tuple(answerObject, damage).map(([value, [at, inserted]]) => {
      const text = JSON.stringify(value);
      const cut = at % (text.length + 1);
      return utf8(text.slice(0, cut) + inserted + (inserted === '' ? '' : text.slice(cut)));
    }),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 50 }).map((bytes) => new Uint8Array(bytes)) },
  { weight: 1, arbitrary: stream },
);

/** Sizes of the chunks that bytes come in, over and over. */
export const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 4 });

const anything = fc.anything({
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withObjectString: true,
  withSparseArray: true,
  withTypedArray: true,
});
const part = fc.oneof(
  anything,
  fc.record(
    {
      type: fc.constantFrom('text', 'image_url', 'input_image', 'input_audio', 'file'),
      text: fc.oneof(fc.string({ unit: 'binary' }), anything),
      image_url: fc.oneof(fc.record({ url: fc.string(), detail: anything }), anything),
      input_audio: fc.oneof(fc.record({ data: fc.base64String(), format: anything }), anything),
      file: fc.oneof(fc.record({ file_data: fc.base64String(), filename: fc.string() }), anything),
    },
    { requiredKeys: [] },
  ),
);
const message = fc.oneof(
  anything,
  fc.record(
    {
      role: fc.oneof(fc.constantFrom('user', 'assistant', 'tool', 'system', 'function'), anything),
      type: fc.constantFrom('message', 'function_call', 'function_call_output', 'reasoning', 'x'),
      content: fc.oneof(fc.string({ unit: 'binary' }), fc.array(part, { maxLength: 3 }), anything),
      name: fc.oneof(fc.string(), anything),
      tool_calls: fc.oneof(
        fc.array(fc.record({ id: anything, function: anything }), { maxLength: 3 }),
        anything,
      ),
      arguments: fc.oneof(fc.json(), anything),
      output: fc.oneof(fc.json(), anything),
    },
    { requiredKeys: [] },
  ),
);
const messages = fc.oneof(fc.array(message, { maxLength: 4 }), anything);
const bound = fc.oneof(
  { weight: 20, arbitrary: fc.nat(1_000) },
  { weight: 20, arbitrary: fc.double() },
  { weight: 20, arbitrary: anything },
  { weight: 1, arbitrary: fc.bigInt() },
);

export const request = fc.record(
  {
    model: fc.oneof(
      fc.constantFrom('gpt-4o-mini', 'gpt-5', 'gpt-image-1', 'whisper-1', 'tts-1', 'o4-mini'),
      anything,
    ),
    messages,
    input: fc.oneof(messages, fc.string({ unit: 'binary' })),
    prompt: fc.oneof(fc.string({ unit: 'binary' }), anything),
    instructions: anything,
    n: bound,
    best_of: bound,
    max_tokens: bound,
    max_completion_tokens: bound,
    max_output_tokens: bound,
    tools: fc.oneof(fc.array(fc.record({ type: anything, function: anything }), { maxLength: 2 }), anything),
    tool_choice: anything,
    response_format: fc.oneof(
      fc.record({ type: fc.constant('json_schema'), json_schema: anything }),
      anything,
    ),
    stream: fc.oneof(fc.boolean(), anything),
    stream_options: anything,
    size: anything,
    quality: anything,
    partial_images: bound,
    image: anything,
    file: fc.oneof(fc.record({ size: bound, type: anything, name: anything }), anything),
    modalities: anything,
    background: fc.boolean(),
  },
  { requiredKeys: [] },
);
