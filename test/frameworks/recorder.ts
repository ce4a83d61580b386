import { once } from 'node:events';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { type Api, startMock } from '../../examples/frameworks/api.ts';

/** The mock of the API behind a proxy that notes what was sent, and what the answers said was used. */
export interface RecordedApi extends Api {
  /** Paths of the requests, in their order. */
  readonly sent: readonly string[];
  /** Tokens that the answers reported, all together. */
  readonly tokens: number;
  stop(): Promise<void>;
}

export async function startRecordedApi(): Promise<RecordedApi> {
  const mock = await startMock();
  const sent: string[] = [];
  let tokens = 0;
  const app = new Hono().post('*', async (c) => {
    sent.push(c.req.path);
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(mock.url + c.req.path, { method: 'POST', headers, body: await c.req.text() });
    const text = await answer.text();
    tokens += tokensIn(text);
    const type = answer.headers.get('content-type') ?? '';
    return new Response(text, { status: answer.status, headers: { 'content-type': type } });
  });
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the port is not known');
  return {
    apiKey: 'mock',
    baseURL: `http://127.0.0.1:${address.port}/v1`,
    sent,
    get tokens() {
      return tokens;
    },
    async stop() {
      server.close();
      await mock.stop();
    },
  };
}

interface Reported {
  readonly usage?: { readonly total_tokens: number } | null;
  readonly response?: Reported;
}

/** Of a JSON body, or of the last event of a stream that reports any. @throws if nothing does */
function tokensIn(text: string): number {
  const events = text.startsWith('{')
    ? [text]
    : [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => json ?? '');
  const reported = events
    .map((json) => JSON.parse(json) as Reported)
    .map(({ usage, response }) => (usage ?? response?.usage)?.total_tokens)
    .findLast((total) => total !== undefined);
  if (reported === undefined) throw new Error('an answer of the mock reports no usage');
  return reported;
}
