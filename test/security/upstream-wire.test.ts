import { gzipSync } from 'node:zlib';
import { APIError, RateLimitError } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Budget, GovernedOpenAI, QuotaExceeded } from '../../src/index.ts';
import { chatCompletion, chatUsage } from '../support/upstream.ts';
import { RawServer } from './raw-server.ts';
import { BOUNDED, charged, EVERY_UNIT, eventually, OUTPUT, PROMPT, STREAM } from './support.ts';

let server: RawServer;
beforeAll(async () => {
  server = await RawServer.start();
});
afterAll(() => server.stop());

type Charge = 'reported' | 'estimated' | 'counted' | 'refunded';
const CHARGED: Record<Charge, readonly [promptTokens: number, completionTokens: number]> = {
  reported: [9, 4],
  estimated: [PROMPT, OUTPUT],
  counted: [PROMPT, 1],
  refunded: [0, 0],
};

const BODY = JSON.stringify(chatCompletion(chatUsage(9, 4)));
const SAID = 'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n';
const answer = (status: string, headers: readonly string[], body: string | Buffer = BODY) => {
  const head = [`HTTP/1.1 ${status}`, 'connection: close', ...headers].join('\r\n');
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), Buffer.from(body)]);
};
const TYPE = 'content-type: application/json';
const SSE = 'content-type: text/event-stream';
const length = (bytes: number) => `content-length: ${bytes}`;
const ok = (headers: readonly string[], body: string | Buffer = BODY) => answer('200 OK', headers, body);

/** Calls the server; what the call throws comes back in the place of its answer. */
async function call(body: typeof BOUNDED | typeof STREAM) {
  const budget = new Budget({ limits: EVERY_UNIT });
  const openai = new GovernedOpenAI({
    apiKey: 'sk-test',
    baseURL: `${server.url}/v1`,
    budget,
    maxRetries: 0,
    logLevel: 'off',
  });
  const outcomes: string[] = [];
  budget.on('settled', ({ source }) => outcomes.push(source));
  budget.on('refunded', () => outcomes.push('refunded'));
  let answered: unknown;
  try {
    const result = await openai.chat.completions.create(body);
    if (Symbol.asyncIterator in result) for await (const _ of result);
    answered = result;
  } catch (error) {
    answered = error;
  }
  return { budget, outcomes, answered };
}

async function expectCharge(body: typeof BOUNDED | typeof STREAM, charge: Charge): Promise<unknown> {
  const { budget, outcomes, answered } = await call(body);
  await eventually(() => outcomes.length > 0);
  const [promptTokens, completionTokens] = CHARGED[charge];
  expect(outcomes).toEqual([charge]);
  expect(await charged(budget)).toMatchObject({ promptTokens, completionTokens });
  expect(await budget.reservations()).toEqual([]);
  return answered;
}

const zipped = gzipSync(BODY);
const flood = (count: number, size: number) =>
  Array.from({ length: count }, (_, i) => `x-ratelimit-remaining-${i}: ${'9'.repeat(size)}`);

const JSON_ANSWERS: Record<string, readonly [bytes: Buffer | string, charge: Charge]> = {
  'a good answer': [ok([TYPE, length(BODY.length)]), 'reported'],
  'no content-length': [ok([TYPE]), 'reported'],
  'no content-type': [ok([]), 'reported'],
  chunks: [
    ok([TYPE, 'transfer-encoding: chunked'], `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`),
    'reported',
  ],
  'chunks without an end': [
    ok([TYPE, 'transfer-encoding: chunked'], `${BODY.length.toString(16)}\r\n${BODY}\r\n`),
    'estimated',
  ],
  'chunks that are none': [ok([TYPE, 'transfer-encoding: chunked'], BODY), 'estimated'],
  'a length of more than there is': [ok([TYPE, length(BODY.length + 1)]), 'estimated'],
  'a length of less than there is': [ok([TYPE, length(BODY.length - 20)]), 'estimated'],
  'a length that is none': [ok([TYPE, 'content-length: -1']), 'estimated'],
  'two lengths': [ok([TYPE, length(BODY.length), length(5)]), 'estimated'],
  gzip: [ok([TYPE, 'content-encoding: gzip', length(zipped.length)], zipped), 'reported'],
  'gzip that is none': [ok([TYPE, 'content-encoding: gzip', length(BODY.length)]), 'estimated'],
  'gzip that is cut': [ok([TYPE, 'content-encoding: gzip'], zipped.subarray(0, 40)), 'estimated'],
  'gzip that is not told': [ok([TYPE], zipped), 'estimated'],
  'an encoding that nobody knows': [ok([TYPE, 'content-encoding: rot13', length(BODY.length)]), 'reported'],
  'br that is none': [ok([TYPE, 'content-encoding: br']), 'estimated'],
  'a binary type': [ok(['content-type: application/octet-stream']), 'estimated'],
  'a type of nonsense': [ok(['content-type: ;;;/\\"']), 'estimated'],
  'the type of a stream': [ok([SSE]), 'estimated'],
  'two types': [ok(['content-type: text/plain', TYPE]), 'reported'],
  'early hints before': [`HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n${ok([TYPE]).toString()}`, 'reported'],
  'garbage in x-ratelimit': [
    ok([
      TYPE,
      'x-ratelimit-remaining-tokens: NaN',
      'x-ratelimit-reset-tokens: -1e999s',
      'retry-after: banana',
    ]),
    'reported',
  ],
  'many headers': [ok([TYPE, ...flood(300, 20)]), 'reported'],
  'more headers than anyone takes': [ok([TYPE, ...flood(2_000, 100)]), 'estimated'],
  'a header without end': [`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(200_000)}`, 'estimated'],
  'NUL in a header': [ok([TYPE, 'x-a: \0']), 'estimated'],
  'nothing at all': ['', 'estimated'],
  'no HTTP': ['hello\r\n\r\n', 'estimated'],
  'a status that is none': [answer('999999 No', [TYPE]), 'estimated'],
  created: [answer('201 Created', [TYPE]), 'reported'],
  'partial content': [answer('206 Partial Content', [TYPE, 'content-range: bytes 0-9/100']), 'reported'],
  'an error in the place of an answer': [ok([TYPE], '{"error":{"message":"no"}}'), 'estimated'],
};

describe('what an answer in JSON is charged, as it comes over the wire', () => {
  test.each(Object.entries(JSON_ANSWERS))('%s', async (_title, [bytes, charge]) => {
    server.answer = Buffer.from(bytes);
    await expectCharge(BOUNDED, charge);
  });

  test('no content: nothing is there to be read, and the estimate stands', async () => {
    server.answer = answer('204 No Content', [], '');
    const { budget, outcomes } = await call(BOUNDED);
    expect(outcomes).toEqual(['estimated']);
    expect(await charged(budget)).toMatchObject({ promptTokens: PROMPT, completionTokens: OUTPUT });
    expect(await budget.reservations()).toEqual([]);
  });

  test('a connection that is reset', async () => {
    server.answer = (socket) => socket.resetAndDestroy();
    await expectCharge(BOUNDED, 'estimated');
  });

  test.each([
    300, 301, 304, 305, 307, 399, 400, 401, 403, 404, 409, 418, 422, 429, 451, 500, 502, 503, 504, 599,
  ])('status %d is not billed, whatever usage it tells', async (status) => {
    server.answer = answer(`${status} No`, [TYPE, 'retry-after: -1e308', 'x-ratelimit-limit-tokens: []']);
    const error = await expectCharge(BOUNDED, 'refunded');
    expect(error).toBeInstanceOf(APIError);
    expect(error).not.toBeInstanceOf(QuotaExceeded);
    if (status === 429) expect(error).toBeInstanceOf(RateLimitError);
  });

  test('a redirect is followed as fetch does, and charged once', async () => {
    server.answer = (socket) => {
      server.answer = ok([TYPE]);
      socket.end(answer('307 Temporary Redirect', ['location: /v1/elsewhere', length(0)], ''));
    };
    await expectCharge(BOUNDED, 'reported');
  });

  test('a redirect without end fails, and the estimate stands', async () => {
    server.answer = answer('307 Temporary Redirect', ['location: /v1/chat/completions', length(0)], '');
    await expectCharge(BOUNDED, 'estimated');
  });
});

const STREAMS: Record<string, readonly [bytes: Buffer | string, charge: Charge]> = {
  'a good stream': [
    ok([SSE], `${SAID}data: {"choices":[],"usage":${JSON.stringify(chatUsage(9, 4))}}\n\n`),
    'reported',
  ],
  'a stream that ends early': [ok([SSE, length(5_000)], SAID), 'counted'],
  'chunks without an end': [
    ok([SSE, 'transfer-encoding: chunked'], `${SAID.length.toString(16)}\r\n${SAID}\r\n`),
    'counted',
  ],
  'gzip that is none': [ok([SSE, 'content-encoding: gzip'], SAID), 'estimated'],
  'gzip that is cut': [ok([SSE, 'content-encoding: gzip'], gzipSync(SAID).subarray(0, 10)), 'estimated'],
  'an answer in JSON': [ok([TYPE]), 'estimated'],
  nothing: [ok([SSE], ''), 'estimated'],
  'a type of nonsense': [ok(['content-type: x'], SAID), 'counted'],
};

describe('what a stream is charged, as it comes over the wire', () => {
  test.each(Object.entries(STREAMS))('%s', async (_title, [bytes, charge]) => {
    server.answer = Buffer.from(bytes);
    await expectCharge(STREAM, charge);
  });
});
