import { describe, expect, test } from 'vitest';
import { utf8 } from '../responses/streams.ts';
import { charged, nested, OUTPUT, PROMPT, raw, STREAM, setUp, sse } from './support.ts';

/** What a stream is charged, and how that is known. */
type Charge =
  | 'estimated'
  | 'refunded'
  | readonly [source: 'reported', promptTokens: number, completionTokens: number]
  | readonly [source: 'counted', completionTokens: number];

const event = (data: unknown) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
const said = (content: unknown, index: unknown = 0) =>
  event({ id: 'c', choices: [{ index, delta: { content } }] });
const used = (prompt_tokens: unknown, completion_tokens: unknown) =>
  event({ id: 'c', choices: [], usage: { prompt_tokens, completion_tokens } });
const DONE = 'data: [DONE]\n\n';
const FAILED = event({ error: { message: 'overloaded', type: 'server_error' } });
const ONE_TOKEN: Charge = ['counted', 1];

/** The streams of a chat. A report counts by the rule of JSON answers; without one, what was delivered. */
const STREAMS: Record<string, readonly [text: string | Uint8Array<ArrayBuffer>, charge: Charge]> = {
  'a good report': [said('Hi') + used(9, 4) + DONE, ['reported', 9, 4]],
  'no report': [said('Hi') + DONE, ONE_TOKEN],
  'a report before the output': [used(9, 4) + said('Hi') + DONE, ['reported', 9, 4]],
  'a report after [DONE]': [said('Hi') + DONE + used(9, 4), ONE_TOKEN],
  'a report before and after [DONE]': [used(9, 4) + DONE + used(0, 0), ['reported', 9, 4]],
  'output after [DONE]': [said('Hi') + DONE + said(' there'), ONE_TOKEN],
  'a report that rises': [used(9, 1) + said('Hi') + used(9, 4) + DONE, ['reported', 9, 4]],
  'a report that falls': [used(9, 4) + said('Hi') + used(0, 0) + DONE, ['reported', 9, 4]],
  'a report, then none that is one': [used(9, 4) + used(-9, -4) + DONE, ['reported', 9, 4]],
  'a negative report': [said('Hi') + used(-9, -4) + DONE, ONE_TOKEN],
  'a report of texts': [said('Hi') + used('9', '4') + DONE, ONE_TOKEN],
  'an absurd report': [said('Hi') + used(1e300, 4) + DONE, ONE_TOKEN],
  'a report of infinity': [
    said('Hi') + event('{"choices":[],"usage":{"prompt_tokens":1e999,"completion_tokens":4}}') + DONE,
    ONE_TOKEN,
  ],
  'usage null': [said('Hi') + event({ choices: [], usage: null }) + DONE, ONE_TOKEN],
  'usage a list': [said('Hi') + event({ choices: [], usage: [9, 4] }) + DONE, ONE_TOKEN],
  'usage in a choice': [
    said('Hi') + event({ choices: [{ index: 0, usage: { prompt_tokens: 0, completion_tokens: 0 } }] }),
    ONE_TOKEN,
  ],
  'usage in a text': [said('"usage": {"prompt_tokens": 0}'), ['counted', 10]],
  'two usages in one event': [
    event('{"choices":[],"usage":{"prompt_tokens":0},"usage":{"prompt_tokens":9,"completion_tokens":4}}'),
    ['reported', 9, 4],
  ],
  'an index that cannot be a text': [said('Hi', { toString: 0, valueOf: 0 }), ONE_TOKEN],
  'a deep index': [event(`{"choices":[{"index":${nested(100_000)},"delta":{"content":"Hi"}}]}`), ONE_TOKEN],
  'a tool call whose index cannot be a text': [
    event({ choices: [{ delta: { tool_calls: [{ index: { toString: 1 }, function: { name: 'Hi' } }] } }] }),
    ONE_TOKEN,
  ],
  'content that is no text': [said({ toString: 0 }) + said(['Hi']) + said(5), ['counted', 0]],
  'choices that are none': [
    event({ choices: { length: 9 } }) + event({ choices: [null, 5, []] }),
    ['counted', 0],
  ],
  'a prototype': [event('{"__proto__":{"usage":{"prompt_tokens":0,"completion_tokens":0}}}'), ['counted', 0]],
  'events that are no objects': [
    ['5', 'null', '"x"', '[]', 'true', 'NaN'].map(event).join(''),
    ['counted', 0],
  ],
  'events that are no JSON': [event('{"choices":[') + event('\0') + event('data: data:'), ['counted', 0]],
  'a deep event': [event(nested(100_000)) + said('Hi'), ONE_TOKEN],
  'a deep event that tells of usage': [event(`{"usage":{"x":${nested(100_000)}}}`) + said('Hi'), ONE_TOKEN],
  'an error first': [FAILED, 'refunded'],
  'an error after the role': [
    event({ choices: [{ index: 0, delta: { role: 'assistant' } }] }) + FAILED,
    'refunded',
  ],
  'an error after output': [said('Hi') + FAILED, ONE_TOKEN],
  'an error that is a text': [event({ error: 'overloaded' }), ['counted', 0]],
  'a report and an error': [used(9, 4) + FAILED, ['reported', 9, 4]],
  'a JSON answer': [
    JSON.stringify({ choices: [], usage: { prompt_tokens: 0, completion_tokens: 0 } }),
    'estimated',
  ],
  nothing: ['', 'estimated'],
  'nothing but [DONE]': [DONE, 'estimated'],
  comments: [': ping\n\n: pong\n\n', 'estimated'],
  'events without data': ['event: x\n\nid: 5\n\nretry: 10\n\n', 'estimated'],
  'blank lines': ['\n\r\r\n\n\r\n', 'estimated'],
  NUL: ['\0'.repeat(1_000), 'estimated'],
  CRLF: [(said('Hi') + used(9, 4)).replaceAll('\n', '\r\n'), ['reported', 9, 4]],
  CR: [(said('Hi') + used(9, 4)).replaceAll('\n', '\r'), ['reported', 9, 4]],
  'every line end': [`${said('Hi').trim()}\r\n\n${used(9, 4).trim()}\n\r`, ['reported', 9, 4]],
  'a BOM': [`\ufeff${used(9, 4)}`, ['reported', 9, 4]],
  'an end without a line end': [said('Hi') + used(9, 4).trim(), ['reported', 9, 4]],
  'an end in the middle of an event': [said('Hi') + used(9, 4).slice(0, -12), ONE_TOKEN],
  'an event over several lines': [
    'data: {"choices":[],\ndata: "usage":\ndata: {"prompt_tokens":9,"completion_tokens":4}}\n\n',
    ['reported', 9, 4],
  ],
  'bytes that are no UTF-8': [
    new Uint8Array([...utf8('data: {"usage":'), 0xff, 0xc0, 0x80, 10, 10]),
    ['counted', 0],
  ],
  'bytes that are no UTF-8 in a text': [
    new Uint8Array([...utf8('data: {"choices":[{"delta":{"content":"Hi'), 0xff, ...utf8('"}}]}\n\n')]),
    ['counted', 2],
  ],
};

describe('what a stream is charged', () => {
  test.each(Object.entries(STREAMS))('%s', async (_title, [text, charge]) => {
    const { openai, budget, outcomes } = setUp(sse(text));
    // It asks for its usage itself, so nothing is hidden from it.
    const asking = { ...STREAM, stream_options: { include_usage: true } };
    const response = await openai.chat.completions.create(asking).asResponse();
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(
      typeof text === 'string' ? utf8(text) : text,
    );
    const [source, ...counts] = typeof charge === 'string' ? [charge] : charge;
    expect(outcomes).toEqual([source]);
    const [promptTokens = 0, completionTokens = 0] = {
      estimated: [PROMPT, OUTPUT],
      refunded: [0, 0],
      reported: counts,
      counted: [PROMPT, ...counts],
    }[source];
    expect(await charged(budget)).toMatchObject({ promptTokens, completionTokens });
    expect(await budget.reservations()).toEqual([]);
  });

  test('the same, whatever the SDK makes of it', async () => {
    for (const [text, charge] of Object.values(STREAMS)) {
      const { openai, outcomes } = setUp(sse(text));
      const stream = await openai.chat.completions.create(STREAM);
      try {
        for await (const _ of stream);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
      // What is behind an event that the SDK cannot read, it never reads.
      if (typeof charge !== 'string' && charge[0] === 'reported') expect(outcomes).toEqual(['reported']);
      expect(outcomes).toHaveLength(1);
    }
  });
});

describe('what is hidden from an app that did not ask for usage', () => {
  const shown = async (text: string) => {
    const { openai } = setUp(sse(text));
    return (await openai.chat.completions.create(STREAM).asResponse()).text();
  };

  test('the event that only tells it, however often it comes', async () => {
    expect(await shown(used(9, 1) + said('Hi') + used(9, 4) + DONE)).toBe(said('Hi') + DONE);
  });

  test.each([
    ['usage that is none', used(-1, 4)],
    ['usage beside a choice', event({ choices: [{ index: 0, delta: {} }], usage: { total_tokens: 4 } })],
    ['usage beside an error', event({ choices: [], usage: { total_tokens: 4 }, error: { message: 'no' } })],
    ['usage beside an error that is a text', event({ choices: [], usage: { total_tokens: 4 }, error: 'no' })],
    ['usage behind [DONE]', DONE + used(9, 4)],
    ['usage without choices', event({ usage: { prompt_tokens: 9, completion_tokens: 4 } })],
  ])('nothing else: %s', async (_title, text) => {
    expect(await shown(said('Hi') + text)).toBe(said('Hi') + text);
  });
});

describe('other endpoints', () => {
  const FILE = { model: 'gpt-image-1', prompt: 'a cat', stream: true as const, partial_images: 1 };

  test('an image that was shown in part before the error is not given back', async () => {
    const partial = event({ type: 'image_generation.partial_image', b64_json: 'AA==' });
    const { openai, outcomes } = setUp(sse(partial + FAILED));
    const response = await openai.images.generate(FILE).asResponse();
    await response.text();
    expect(outcomes).toEqual(['estimated']);
    const early = setUp(sse(FAILED));
    await (await early.openai.images.generate(FILE).asResponse()).text();
    expect(early.outcomes).toEqual(['refunded']);
  });

  test('speech that was heard before the error is not given back', async () => {
    const delta = event({ type: 'speech.audio.delta', audio: 'AA==' });
    const { openai, outcomes } = setUp(sse(delta + FAILED));
    const body = { model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'Hello', stream_format: 'sse' as const };
    await (await openai.audio.speech.create(body)).text();
    expect(outcomes).toEqual(['estimated']);
  });

  test('items of the Responses API whose ids cannot be texts', async () => {
    const delta = (id: unknown) =>
      event({ type: 'response.output_text.delta', item_id: id, content_index: id, delta: 'Hi' });
    const { openai, budget } = setUp(sse(delta({ toString: 0 }) + delta('a') + delta([['b']])));
    const body = { model: 'gpt-4o-mini', input: 'Hello', stream: true as const, max_output_tokens: 50 };
    await (await openai.responses.create(body).asResponse()).text();
    expect((await charged(budget)).completionTokens).toBeGreaterThanOrEqual(2);
  });

  test('legacy completions whose index cannot be a text', async () => {
    const { openai, budget } = setUp(sse(event({ choices: [{ index: { toString: 0 }, text: 'Hi' }] })));
    const body = { model: 'gpt-3.5-turbo-instruct', prompt: 'Hello', stream: true as const, max_tokens: 9 };
    await (await openai.completions.create(body).asResponse()).text();
    expect(await charged(budget)).toMatchObject({ completionTokens: 1 });
  });

  test('an answer in JSON to a call that asked for none', async () => {
    const { openai, outcomes } = setUp(raw(used(9, 4), 'text/event-stream'));
    const { model, messages } = STREAM;
    await (await openai.chat.completions.create({ model, messages }).asResponse()).text();
    expect(outcomes).toEqual(['reported']);
  });
});
