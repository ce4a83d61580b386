import OpenAI, { RateLimitError } from 'openai';
import { describe, expect, test } from 'vitest';
import {
  Budget,
  BudgetOptionError,
  BudgetStoreError,
  governFetch,
  UngovernedEndpointError,
} from '../src/index.ts';
import { RemoteStore } from './support/stores.ts';
import {
  chatChunks,
  chatCompletion,
  chatUsage,
  eventStream,
  json,
  mockUpstream,
} from './support/upstream.ts';

const URL_CHAT = 'https://api.openai.com/v1/chat/completions';
const HELLO = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }], max_tokens: 50 };

function setUp(...answers: Parameters<typeof mockUpstream>) {
  const upstream = mockUpstream(...answers);
  const budget = new Budget({ limits: [{ tokens: 100, per: 'day' }] });
  return { ...upstream, budget, fetch: governFetch(upstream.fetch, budget, { key: 'ai-sdk' }) };
}

async function used(budget: Budget): Promise<number | undefined> {
  return (await budget.usage('ai-sdk'))[0]?.used;
}

describe('governFetch', () => {
  const answer = json(chatCompletion(chatUsage(8, 4)));
  const text = JSON.stringify(HELLO);
  const headers = { 'content-type': 'application/json' };

  test.each<[string, () => [string | URL | Request, RequestInit?]]>([
    ['text', () => [URL_CHAT, { method: 'POST', body: text }]],
    ['a URL object', () => [new URL(URL_CHAT), { method: 'post', body: text }]],
    ['bytes', () => [URL_CHAT, { method: 'POST', body: new TextEncoder().encode(text), headers }]],
    ['a Blob', () => [URL_CHAT, { method: 'POST', body: new Blob([text]), headers }]],
    ['a Request', () => [new Request(URL_CHAT, { method: 'POST', body: text, headers })]],
    [
      'a Request with another body',
      () => [new Request(URL_CHAT, { method: 'POST', body: '{}', headers }), { body: text }],
    ],
  ])('charges what was used, given %s', async (_, args) => {
    const { fetch, budget, requests } = setUp(answer);
    const response = await fetch(...args());
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ usage: { prompt_tokens: 8 } });
    expect(await used(budget)).toBe(12);
    expect(requests[0]?.method.toUpperCase()).toBe('POST');
  });

  test.each<[string, (body: string) => [string | Request, RequestInit?]]>([
    [
      'text',
      (body) => [URL_CHAT, { method: 'POST', body, headers: { 'content-length': String(body.length) } }],
    ],
    ['a Request', (body) => [new Request(URL_CHAT, { method: 'POST', body, headers })]],
  ])('makes a stream report its usage, given %s', async (_, args) => {
    const { fetch, budget, requests } = setUp(eventStream(chatChunks(['Hi'], chatUsage(8, 1))));
    const response = await fetch(...args(JSON.stringify({ ...HELLO, stream: true })));
    expect(await response.text()).not.toContain('prompt_tokens');
    expect(requests[0]?.body).toEqual({ ...HELLO, stream: true, stream_options: { include_usage: true } });
    expect(requests[0]?.headers.has('content-length')).toBe(false);
    expect(await used(budget)).toBe(9);
  });

  test('answers a denied call with the 429 that the API would send, and sends nothing', async () => {
    const { fetch, budget, requests } = setUp(answer);
    await budget.reserve({ key: 'ai-sdk', usage: { tokens: 90 } });
    const response = await fetch(URL_CHAT, { method: 'POST', body: text });
    expect(response.status).toBe(429);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('x-ratelimit-remaining-tokens')).toBe('10');
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await response.json()).toMatchObject({
      error: { type: 'insufficient_quota', param: null, code: 'insufficient_quota' },
    });
    expect(requests).toHaveLength(0);
    expect(await used(budget)).toBe(90);
  });

  test("through the SDK's own client it is a RateLimitError, not retried", async () => {
    const { fetch, budget, requests } = setUp(answer);
    const openai = new OpenAI({ apiKey: 'x', fetch, maxRetries: 5 });
    await openai.chat.completions.create(HELLO as never);
    expect(await used(budget)).toBe(12);
    await budget.reserve({ key: 'ai-sdk', usage: { tokens: 80 } });
    await expect(openai.chat.completions.create(HELLO as never)).rejects.toBeInstanceOf(RateLimitError);
    expect(requests).toHaveLength(1);
  });

  test('refunds what was aborted before it is sent', async () => {
    const { fetch, budget } = setUp(answer);
    await expect(
      fetch(URL_CHAT, { method: 'POST', body: text, signal: AbortSignal.abort() }),
    ).rejects.toThrow('aborted');
    expect(await used(budget)).toBe(0);
  });

  test('passes what is not governed, unless that is to be rejected', async () => {
    const upstream = mockUpstream(json({ data: [] }));
    const passing = governFetch(upstream.fetch, {});
    await passing('https://api.openai.com/v1/models');
    await passing('https://example.com/anything', { method: 'POST', body: '{}' });
    expect(upstream.requests).toHaveLength(2);
    const strict = governFetch(upstream.fetch, { ungoverned: 'reject' });
    await expect(strict('https://api.openai.com/v1/models?x=1')).rejects.toBeInstanceOf(
      UngovernedEndpointError,
    );
    await expect(strict('https://api.openai.com/v1/models?x=1')).rejects.toThrow(
      'GET /v1/models is not governed',
    );
    await strict('data:,');
  });

  test('rejects with a typed error when the store fails', async () => {
    const store = Object.assign(new RemoteStore(), { failure: new Error('down') });
    const { fetch, requests } = mockUpstream(answer);
    const governed = governFetch(fetch, { store, limits: [{ requests: 1, per: 'day' }] });
    await expect(governed(URL_CHAT, { method: 'POST', body: text })).rejects.toBeInstanceOf(BudgetStoreError);
    expect(requests).toHaveLength(0);
  });

  test('checks its arguments', () => {
    expect(() => governFetch(globalThis.fetch, { limits: 5 } as never)).toThrow(BudgetOptionError);
    expect(() => governFetch(globalThis.fetch, {}, { kee: 'x' } as never)).toThrow('did you mean key?');
  });
});
