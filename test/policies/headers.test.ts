import type { APIError } from 'openai';
import { describe, expect, test } from 'vitest';
import { type BudgetHeaders, type BudgetOptions, governFetch } from '../../src/index.ts';
import { chatChunks, chatCompletion, chatUsage, eventStream, json } from '../support/upstream.ts';
import { failure, HELLO, setUp } from './support.ts';

const HEADERS: Required<BudgetHeaders> = {
  remainingTokens: 'x-remaining-tokens',
  remainingQuota: 'x-remaining-quota',
  remainingRequests: 'x-remaining-requests',
  remainingImages: 'x-remaining-images',
  remainingCost: 'x-remaining-cost',
  tokensConsumed: 'x-consumed-tokens',
  exceeded: 'x-exceeded',
  retryAfter: 'x-retry',
};
const OPTIONS: BudgetOptions = {
  headers: HEADERS,
  prices: { [HELLO.model]: { input: 1_000, output: 1_000 } },
  limits: [
    { tokens: 100, per: 'minute' },
    { tokens: 1_000, per: 'month' },
    { promptTokens: 900, per: 'month' },
    {
      requests: 4,
      per: 'minute',
      headers: { remaining: 'x-calls-left', max: 'x-calls', consumed: 'x-calls-used' },
    },
    { cost: 1, per: 'day' },
  ],
};

/** The headers that are not the upstream's. */
function chosen(headers: Headers | undefined): { [name: string]: string } {
  return Object.fromEntries(
    [...(headers ?? [])].filter(([name]) => name.startsWith('x-') && name !== 'x-request-id'),
  );
}

describe('headers that the app named', () => {
  test('are on the response, with what the call used, and on the 429', async () => {
    const { openai, budget } = setUp(OPTIONS, json(chatCompletion(chatUsage(10, 4))));
    const { response, request_id } = await openai.chat.completions.create(HELLO).withResponse();
    const used = {
      'x-remaining-tokens': '86',
      'x-remaining-quota': '890',
      'x-remaining-cost': '0.986',
      'x-consumed-tokens': '14',
    };
    expect(chosen(response.headers)).toEqual({
      ...used,
      'x-remaining-requests': '3',
      'x-calls-left': '3',
      'x-calls': '4',
      'x-calls-used': '1',
    });
    expect(request_id).toBe('req_1');
    expect((await budget.usage()).map(({ remaining }) => remaining)).toEqual([86, 986, 890, 3, 0.986]);
    const error = await failure(openai.chat.completions.create({ ...HELLO, max_tokens: 80 }));
    expect(chosen((error as APIError).headers)).toMatchObject({
      'x-remaining-tokens': '86',
      'x-remaining-requests': '3',
      'x-calls-left': '3',
      'x-retry': '3',
      'x-ratelimit-remaining-tokens': '86',
    });
    expect((error as APIError).headers?.get('retry-after')).toBe('3');
    expect((error as APIError).headers?.has('x-consumed-tokens')).toBe(false);
  });

  test('the same values are on the events', async () => {
    const { openai, budget } = setUp(OPTIONS, json(chatCompletion(chatUsage(10, 4))));
    const told: [string, number[]][] = [];
    const remaining = (limits: readonly { readonly remaining: number }[]) =>
      limits.map((state) => state.remaining);
    budget.on('admitted', ({ limits }) => told.push(['admitted', remaining(limits)]));
    budget.on('settled', ({ limits }) => told.push(['settled', remaining(limits)]));
    await openai.chat.completions.create(HELLO);
    expect(told).toEqual([
      ['admitted', [80, 980, 890, 3, 0.98]],
      ['settled', [86, 986, 890, 3, 0.986]],
    ]);
  });

  test('before the body is read they say what is reserved; a clone shows them too', async () => {
    const { openai } = setUp(OPTIONS, json(chatCompletion(chatUsage(10, 4))));
    const response = await openai.chat.completions.create(HELLO).asResponse();
    const copy = response.clone();
    expect(chosen(copy.headers)['x-consumed-tokens']).toBe('20');
    expect(response.headers.get('content-type')).toBe('application/json');
    await response.json();
    await copy.json();
    for (const { headers } of [response, copy]) {
      expect(chosen(headers)).toMatchObject({ 'x-consumed-tokens': '14', 'x-remaining-tokens': '86' });
    }
  });

  test('of a stream: what is reserved, and what it used once it has ended', async () => {
    const { openai } = setUp(OPTIONS, eventStream(chatChunks(['Hi'], chatUsage(10, 2))));
    const { data, response } = await openai.chat.completions
      .create({ ...HELLO, stream: true })
      .withResponse();
    expect(response.headers.get('x-remaining-tokens')).toBe('80');
    for await (const _ of data);
    expect(response.headers.get('x-remaining-tokens')).toBe('88');
  });

  test('of a call that failed: nothing was consumed', async () => {
    const { openai } = setUp(OPTIONS, json({ error: { message: 'no' } }, { status: 400 }));
    const error = await failure(openai.chat.completions.create(HELLO));
    expect(chosen((error as APIError).headers)).toMatchObject({
      'x-consumed-tokens': '0',
      'x-remaining-tokens': '100',
    });
  });

  test('are on the answers of a governed fetch', async () => {
    const { budget, fetch } = setUp({ ...OPTIONS, limits: [{ requests: 1, per: 'day' }] });
    const governed = governFetch(fetch, budget);
    const send = () =>
      governed('http://localhost/v1/chat/completions', { method: 'POST', body: JSON.stringify(HELLO) });
    const first = await send();
    await first.json();
    expect(chosen(first.headers)).toEqual({ 'x-remaining-requests': '0', 'x-consumed-tokens': '20' });
    expect(chosen((await send()).headers)).toMatchObject({ 'x-remaining-requests': '0', 'x-retry': '54000' });
  });

  test('none are there where none are named, and the response is as it came', async () => {
    const { openai } = setUp({ limits: [{ tokens: 100, per: 'minute' }] });
    const { response } = await openai.chat.completions.create(HELLO).withResponse();
    expect(chosen(response.headers)).toEqual({});
    expect(Object.hasOwn(response, 'headers')).toBe(false);
  });

  test('a frozen response of a mock stays as it is', async () => {
    const { budget } = setUp(OPTIONS);
    const governed = governFetch(async () => Object.freeze(new Response('{}')), budget);
    const response = await governed('http://localhost/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify(HELLO),
    });
    expect(chosen(response.headers)).toEqual({});
  });
});

test.each<[string, object, string]>([
  ['budget.headers', { remaining: 'x' }, 'only the options remainingTokens'],
  ['budget.headers.retryAfter', { retryAfter: 'a: b' }, 'the name of an HTTP header'],
  ['budget.headers.exceeded', { exceeded: 1 }, 'the name of an HTTP header'],
])('wrong names are refused: %s', (option, headers, message) => {
  const build = () => setUp({ headers } as BudgetOptions);
  expect(build).toThrow(`${option}: expected`);
  expect(build).toThrow(message);
});
