/**
 * A chat endpoint for many users with Hono: each user has a counter key, answers stream as server-sent events, and
 * a denial goes to the user in the form of the API's own 429.
 *
 *     npm run build && node examples/frameworks/hono.ts
 */
import { once } from 'node:events';
import { serve } from '@hono/node-server';
import KeyvRedis from '@keyv/redis';
import { Budget, BudgetStoreError, GovernedOpenAI, type Limit, QuotaExceeded } from 'governed-openai';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import Keyv from 'keyv';
import { z } from 'zod';
import { type Api, type Print, run, spent } from './api.ts';

const Question = z.object({ question: z.string().min(1) });

export function createApp(openai: GovernedOpenAI): Hono {
  const app = new Hono();

  app.post('/chat', async (c) => {
    // To be set by what authenticates the users in front of this endpoint: who may choose it has any number of budgets.
    const user = c.req.header('x-user');
    if (!user) return c.json({ error: { message: 'x-user is missing' } }, 401);
    const body = Question.safeParse(await c.req.json().catch(() => undefined));
    if (!body.success) return c.json({ error: { message: z.prettifyError(body.error) } }, 400);
    const answer = await openai.withCaller({ key: user }).chat.completions.create(
      {
        model: 'gpt-4o-mini',
        messages: [{ role: 'user', content: body.data.question }],
        max_completion_tokens: 100,
        stream: true,
      },
      // A user who leaves ends the call, and is charged for what had come.
      { signal: c.req.raw.signal },
    );
    // The response begins only now: until here an error still decides its status.
    return streamSSE(c, async (events) => {
      for await (const chunk of answer) {
        const text = chunk.choices[0]?.delta.content;
        if (text) await events.writeSSE({ data: JSON.stringify(text) });
      }
      await events.writeSSE({ data: '[DONE]' });
    });
  });

  app.onError((error, c) => {
    if (error instanceof QuotaExceeded) {
      return Response.json({ error: error.error }, { status: error.status, headers: error.headers });
    }
    if (error instanceof BudgetStoreError) {
      const message = 'The budget cannot be read at the moment.';
      const type = 'service_unavailable';
      return c.json({ error: { message, type, param: null, code: null } }, 503, { 'retry-after': '1' });
    }
    throw error;
  });
  return app;
}

export async function main(api: Api, print: Print = console.log): Promise<Budget> {
  const limits: readonly Limit[] = [{ tokens: 200, per: 'day' }];
  const budget = new Budget({ limits });
  await serving(createApp(new GovernedOpenAI({ ...api, budget })), async (url) => {
    print(`before: alice ${await spent(budget, 'alice')}`);
    print(`alice: ${await ask(url, 'alice', 'Say hello in five languages.')}`);
    for (let i = 0; i < 3; i += 1) print(`alice: ${await ask(url, 'alice', 'Count to ten, slowly.')}`);
    print(`bob: ${await ask(url, 'bob', 'Count to ten, slowly.')}`);
    print(`after: alice ${await spent(budget, 'alice')}, bob ${await spent(budget, 'bob')}`);
  });

  // Where no Redis listens, and so without its counters, nothing is sent.
  const store = new Keyv(new KeyvRedis('redis://127.0.0.1:1'));
  const away = new GovernedOpenAI({ ...api, budget: { store, limits, storeTimeout: 200 } });
  await serving(createApp(away), async (url) =>
    print(`alice: ${await ask(url, 'alice', 'Count to ten, slowly.')}`),
  );
  await store.disconnect();
  return budget;
}

/** The events of an answer, or the status, headers and message of an error. */
async function ask(url: string, user: string, question: string): Promise<string> {
  const headers = { 'content-type': 'application/json', 'x-user': user };
  const response = await fetch(`${url}/chat`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ question }),
  });
  const body = await response.text();
  if (response.ok) return body.trim().replaceAll(/\n+/g, ' ');
  const told = [...response.headers].filter(([name]) => /^(retry-after$|x-ratelimit)/.test(name));
  return [response.status, ...told.map(([name, value]) => `${name} ${value}`), body].join(', ');
}

async function serving(app: Hono, use: (url: string) => Promise<void>): Promise<void> {
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  try {
    await use(`http://127.0.0.1:${address.port}`);
  } finally {
    server.close();
  }
}

if (process.argv[1] === import.meta.filename) await run(main);
