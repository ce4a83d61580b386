import { once } from 'node:events';
import { serve } from '@hono/node-server';
import { GovernedOpenAI, type QuotaExceeded, type Usage } from 'governed-openai';
import { expect, test } from 'vitest';
import { createApp } from '../../examples/frameworks/hono.ts';
import { ManualClock } from '../support/clock.ts';
import { RemoteStore } from '../support/stores.ts';
import { type Answer, chatChunks, chatUsage, eventStream, mockUpstream } from '../support/upstream.ts';

const HELLO = eventStream(chatChunks(['Hello, ', 'you!'], chatUsage(8, 4)));

function setUp(answer: Answer = HELLO) {
  const upstream = mockUpstream(answer);
  const store = new RemoteStore();
  const clock = new ManualClock();
  const openai = new GovernedOpenAI({
    apiKey: 'x',
    fetch: upstream.fetch,
    budget: { store, clock: clock.read, limits: [{ tokens: 120, per: 'day' }] },
  });
  return { ...upstream, store, budget: openai.budget, app: createApp(openai) };
}

function question(user: string | undefined, body: unknown = { question: 'Hi' }): RequestInit {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (user !== undefined) headers['x-user'] = user;
  return { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
}

test('streams an answer, and counts it for the user of the header', async () => {
  const { app, budget } = setUp();
  const response = await app.request('/chat', question('alice'));
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(await response.text()).toBe('data: "Hello, "\n\ndata: "you!"\n\ndata: [DONE]\n\n');
  await budget.flush();
  expect(await budget.usage('alice')).toMatchObject([{ used: 12 }]);
  expect(await budget.usage('bob')).toMatchObject([{ used: 0 }]);
});

test('a denial is the 429 of the API, and nothing is sent', async () => {
  const { app, budget, requests } = setUp();
  const denials: QuotaExceeded[] = [];
  budget.on('denied', ({ error }) => denials.push(error));
  await budget.reserve({ key: 'alice', usage: { tokens: 100 } });
  const response = await app.request('/chat', question('alice'));
  expect(response.status).toBe(429);
  const [denial] = denials;
  expect(Object.fromEntries(response.headers)).toEqual({
    ...Object.fromEntries(denial?.headers ?? []),
    'content-type': 'application/json',
  });
  expect(response.headers.get('retry-after')).toBe('54000');
  expect(response.headers.get('x-ratelimit-remaining-tokens')).toBe('20');
  expect(await response.json()).toEqual({ error: denial?.error });
  expect(denial?.key).toBe('alice');
  expect(requests).toHaveLength(0);

  expect((await app.request('/chat', question('bob'))).status).toBe(200);
  expect(requests).toHaveLength(1);
});

test('without its store it answers 503, and nothing is sent', async () => {
  const { app, store, requests } = setUp();
  store.failure = new Error('redis://user:secret@host is down');
  const response = await app.request('/chat', question('alice'));
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(await response.text()).not.toContain('secret');
  expect(requests).toHaveLength(0);
});

test.each<[string, number, RequestInit]>([
  ['nobody asks', 401, question(undefined)],
  ['nothing is asked', 400, question('alice', { question: '' })],
  ['it cannot be read', 400, question('alice', '{')],
])('where %s it answers %i, and nothing is sent', async (_, status, request) => {
  const { app, requests } = setUp();
  expect((await app.request('/chat', request)).status).toBe(status);
  expect(requests).toHaveLength(0);
});

test('a user who leaves ends the call, and is charged for what had come', async () => {
  const aborted = Promise.withResolvers<void>();
  const [role, first] = chatChunks(['One '.repeat(20), 'never sent']);
  const { app, budget } = setUp((_request, init) => {
    const signal = init?.signal;
    signal?.addEventListener('abort', () => aborted.resolve());
    const body = new ReadableStream({
      start(controller) {
        for (const event of [role, first]) {
          controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(event)}\n\n`));
        }
        signal?.addEventListener('abort', () => controller.error(signal.reason));
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  });
  const settled = Promise.withResolvers<{ usage: Usage; source: string }>();
  budget.on('settled', settled.resolve);

  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  try {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the port is not known');
    const leaving = new AbortController();
    const url = `http://127.0.0.1:${address.port}/chat`;
    const response = await fetch(url, { ...question('alice'), signal: leaving.signal });
    const event = await response.body?.getReader().read();
    expect(new TextDecoder().decode(event?.value)).toContain('One One');
    leaving.abort();
    await aborted.promise;
    expect(await settled.promise).toMatchObject({
      key: 'alice',
      source: 'counted',
      usage: { promptTokens: 8, completionTokens: 21 },
    });
  } finally {
    server.close();
  }
});
