import { OpenAI } from 'openai';
import { describe, expect, test } from 'vitest';
import { Budget, type BudgetOptions, GovernedOpenAI, governFetch, QuotaExceeded } from '../../src/index.ts';
import { chatCompletion, chatUsage, json, mockUpstream } from '../support/upstream.ts';
import { charged, EVERY_UNIT, HELLO, nested, setUp } from './support.ts';

type Body = Record<string, unknown>;
const TEXTLESS = { toString: 1, valueOf: 1 };
const BARE: unknown = Object.create(null);
const DEEP: unknown = JSON.parse(nested(100_000));
const DEEP_OBJECT: unknown = JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`);
const LONG = 'a'.repeat(10_000_000);
const CYCLIC: Body = { role: 'user' };
CYCLIC['content'] = [CYCLIC];

const chat = (more: Body) => ['/chat/completions', { ...HELLO, max_tokens: 5, ...more }] as const;
const said = (content: unknown) => chat({ messages: [{ role: 'user', content }] });
const part = (content: Body) => said([content]);
const called = (input: unknown, times = 1) => {
  const calls = Array.from({ length: times }, (_, id) => ({ id, function: { name: 'f', arguments: input } }));
  const results = calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: input }));
  return chat({ messages: [{ role: 'assistant', tool_calls: calls }, ...results] });
};
const tool = (parameters: unknown) =>
  chat({ tools: [{ type: 'function', function: { name: 'f', parameters } }] });
const file = (more: Body) => ['/audio/transcriptions', { model: 'gpt-4o-transcribe', file: more }] as const;

/** Requests as JSON can hold them, and as only an app can make them. */
const REQUESTS: Record<string, readonly [path: string, body: Body]> = {
  'n an object without a prototype': chat({ n: BARE }),
  'n an object without a text': chat({ n: TEXTLESS }),
  'n an object whose valueOf throws': chat({
    n: {
      valueOf() {
        throw new Error('no');
      },
    },
  }),
  'n a deep list': chat({ n: DEEP }),
  'n a symbol': chat({ n: Symbol('n') }),
  'n a BigInt': chat({ n: 5n }),
  'n the largest double': chat({ n: 1e308, max_tokens: 1e308 }),
  'n as much as no text can say': chat({ n: '1e999' }),
  'n infinite, times nothing': chat({ n: Infinity, max_tokens: 0 }),
  'n not a number': chat({ n: Number.NaN }),
  'n negative': chat({ n: -5 }),
  'a negative bound': chat({ max_tokens: -5, max_completion_tokens: Number.NaN }),
  'a bound that is the largest double': [
    '/responses',
    { model: 'gpt-4o', input: 'x', max_output_tokens: 1.7e308 },
  ],
  'best_of without a text': [
    '/completions',
    { prompt: 'x', n: 1e300, best_of: BARE, echo: true, max_tokens: 1e300 },
  ],
  'images without number': [
    '/images/generations',
    { model: 'gpt-image-1', n: '1e308', partial_images: 1e308 },
  ],
  'a file of negative size': file({ size: -1e9, type: TEXTLESS, name: DEEP }),
  'a file of infinite size': file({ size: Infinity }),
  'a file of no size': file({ size: Number.NaN }),
  'a whisper of infinite size': ['/audio/transcriptions', { model: 'whisper-1', file: { size: 1e308 } }],
  'speech of 10 MB': ['/audio/speech', { model: 'tts-1', input: LONG }],
  'a model without a text': chat({ model: TEXTLESS }),
  'a model of 1 MB': chat({ model: 'm'.repeat(1_000_000) }),
  'a model of slashes': chat({ model: '/'.repeat(1_000_000) }),
  'a model of a prototype': chat({ model: '__proto__' }),
  'a model named as what all objects have': chat({ model: 'constructor' }),
  'a prototype in JSON': [
    '/chat/completions',
    JSON.parse('{"__proto__":{"n":9},"messages":[{"__proto__":1}]}') as Body,
  ],
  'messages that are none': chat({ messages: { length: 1e9 } }),
  'messages of everything': chat({ messages: [null, 5, 'x', [], BARE, TEXTLESS, Symbol('m'), () => 1, 5n] }),
  'a cyclic message': chat({ messages: [CYCLIC] }),
  'a cyclic tool': chat({ tools: [CYCLIC] }),
  'a cyclic schema': chat({ response_format: { type: 'json_schema', json_schema: { schema: CYCLIC } } }),
  'a deep content': said(DEEP),
  'a deep role': chat({ messages: [{ role: DEEP_OBJECT, content: 'x', name: DEEP }] }),
  'deep tools': chat({ tools: DEEP }),
  'a deep tool': tool(DEEP_OBJECT),
  'a deep enumeration': tool({ type: 'object', properties: { a: { enum: [DEEP], default: DEEP } } }),
  'a deep schema': chat({ response_format: { type: 'json_schema', json_schema: { schema: DEEP_OBJECT } } }),
  'a schema that refers to itself': tool({ properties: { a: { $ref: '#/properties/a' }, b: { $ref: '#' } } }),
  'a deep input': ['/responses', { model: 'gpt-5', input: DEEP }],
  'a deep item': ['/responses', { model: 'gpt-5', input: [{ type: 'x', y: DEEP }] }],
  'deep token ids': ['/embeddings', { model: 'text-embedding-3-small', input: DEEP }],
  'a deep call': called(nested(100_000)),
  'deep parallel calls': called(nested(100_000), 2),
  'a call with a text of 10 MB': called(`"${LONG}"`),
  'a call with 5 million escapes': called(`"${'\\n'.repeat(5_000_000)}"`),
  'a call with 10 MB of nothing': called(`${' '.repeat(10_000_000)}1`),
  'parallel calls with 5 million escapes': called(`"${'\\n'.repeat(5_000_000)}"`, 2),
  'a call without a text': called(TEXTLESS),
  'a prompt of 10 MB': said(LONG),
  'a prompt of lone surrogates': said('\ud83c'.repeat(100_000)),
  'a prompt of NUL': said('\0'.repeat(100_000)),
  'an image of 10 MB': part({
    type: 'image_url',
    image_url: { url: `data:image/jpeg;base64,${LONG}`, detail: DEEP },
  }),
  'an image of nothing': part({ type: 'image_url', image_url: null }),
  'audio of 10 MB': part({ type: 'input_audio', input_audio: { data: LONG, format: TEXTLESS } }),
  'a file of 10 MB': part({ type: 'file', file: { file_data: LONG, filename: BARE } }),
  '300,000 messages': chat({ messages: Array.from({ length: 300_000 }, () => HELLO.messages[0]) }),
  '300,000 results': chat({
    messages: Array.from({ length: 300_000 }, () => ({ role: 'tool', tool_call_id: 'x' })),
  }),
  '100,000 tools': chat({ tools: Array.from({ length: 100_000 }, () => ({ function: { name: 'f' } })) }),
  nothing: ['/chat/completions', {}],
};

describe('an estimate is made of finite numbers >= 0', () => {
  test.each(Object.entries(REQUESTS))('%s', async (_title, [path, body]) => {
    for (const completion of ['expected', 'max'] as const) {
      const usage = await new Budget({ completion, limits: EVERY_UNIT }).estimate(path, body);
      for (const [unit, amount] of Object.entries(usage)) {
        expect([unit, Number.isFinite(amount) && amount >= 0, amount]).toEqual([unit, true, amount]);
      }
    }
  });

  test('an absurd one is denied, under any limit', async () => {
    for (const limit of [{ tokens: 1e6 }, { completionTokens: 1e6 }, { cost: 100 }] as const) {
      for (const options of [{}, { fitToBudget: { min: 1 } }] satisfies BudgetOptions[]) {
        const { openai, requests } = setUp(json({}), { limits: [{ ...limit, per: 'day' }], ...options });
        // Infinity times a price of 0 is no number; without a bound, `n` alone is what has to fit.
        for (const n of [1e308, Infinity, 1e9]) {
          for (const bounds of [{ max_tokens: 1e308 }, ...('fitToBudget' in options ? [{}] : [])]) {
            const call = openai.chat.completions.create({ ...HELLO, n, ...bounds });
            await expect(call).rejects.toBeInstanceOf(QuotaExceeded);
          }
        }
        expect(requests).toEqual([]);
      }
    }
  });
});

describe('a body that the SDK cannot encode', () => {
  const failure = new Error('this getter throws');
  const getter = (name: string) =>
    Object.defineProperty({ ...HELLO, stream: true }, name, {
      enumerable: true,
      get() {
        throw failure;
      },
    });
  const BODIES: Record<string, object> = {
    'a cycle': { ...HELLO, messages: [CYCLIC] },
    'a BigInt': { ...HELLO, max_tokens: 5n },
    'too deep': { ...HELLO, metadata: DEEP },
    'a toJSON that throws': {
      ...HELLO,
      toJSON() {
        throw failure;
      },
    },
    'a cycle without a prototype': Object.assign(Object.create(null), { ...HELLO, messages: [CYCLIC] }),
    ...Object.fromEntries(
      ['model', 'messages', 'n', 'stream', 'metadata'].map((name) => [
        `a getter of ${name} that throws`,
        getter(name),
      ]),
    ),
    'a proxy that refuses all': new Proxy(
      { ...HELLO },
      {
        get() {
          throw failure;
        },
      },
    ),
  };

  test.each(Object.entries(BODIES))(
    '%s: fails as in the SDK, and is charged nothing',
    async (_title, body) => {
      const { openai, budget, requests, fetch } = setUp(json(chatCompletion(chatUsage(9, 4))));
      const bare = new OpenAI({ apiKey: 'sk-test', fetch, maxRetries: 0 });
      const call = async (client: OpenAI): Promise<unknown> => {
        try {
          return await client.post('/chat/completions', { body });
        } catch (error) {
          return error;
        }
      };
      const [expected, error] = [await call(bare), await call(openai)];
      expect(expected).toBeInstanceOf(Error);
      expect(error).toEqual(expected);
      expect(requests).toEqual([]);
      await budget.flush();
      expect(await charged(budget)).toMatchObject({ requests: 0, tokens: 0, cost: 0 });
      expect(await budget.reservations()).toEqual([]);
    },
  );

  test('one in text that is too deep to be written again is given back', async () => {
    const body = `{"model":"gpt-4o-mini","stream":true,"messages":[],"x":${nested(100_000)}}`;
    const budget = new Budget({ limits: EVERY_UNIT });
    const { fetch, requests } = mockUpstream(json({}));
    const governed = governFetch(fetch, budget);
    const call = governed('http://x/v1/chat/completions', { method: 'POST', body });
    await expect(call).rejects.toThrow(RangeError);
    expect(requests).toEqual([]);
    expect(await budget.reservations()).toEqual([]);
    const openai = new GovernedOpenAI({ apiKey: 'sk-test', fetch, budget, maxRetries: 0 });
    await expect(openai.post('/chat/completions', { body })).rejects.toThrow(RangeError);
    expect(await budget.reservations()).toEqual([]);
    expect(await charged(budget)).toMatchObject({ requests: 0, tokens: 0 });
  });
});

describe('forms', () => {
  test('a field that is named as a prototype is a field', async () => {
    const form = new FormData();
    form.set('model', 'gpt-image-1');
    form.set('prompt', 'a hat');
    form.set('__proto__', new File(['x'], 'x.png'));
    const budget = new Budget({ limits: EVERY_UNIT });
    expect((await budget.estimate('/images/edits', form)).images).toBe(1);
  });

  test('100,000 fields', async () => {
    const form = new URLSearchParams(Array.from({ length: 100_000 }, (_, i) => [`field${i}`, 'x']));
    form.append('n', '2');
    const { images } = await new Budget({ limits: EVERY_UNIT }).estimate('/images/edits', form);
    expect(images).toBe(2);
  });
});
