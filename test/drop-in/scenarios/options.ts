import { events, failure, json } from '../answers.ts';
import { COMPLETION, chat, collect, HELLO, MESSAGES, MODEL, STREAMED } from '../bodies.ts';
import type { Scenario } from '../run.ts';
import { MAJOR } from '../version.ts';

const one = json(COMPLETION);
const stream = events(chat(['Hello']));
/** Version 6 asks for its key before anything is reserved. */
const KEYLESS = MAJOR < 7 ? [] : ['refunded'];

/** A value with a getter, a method and a private field, as an app's own classes have. */
class Message {
  readonly role = 'user' as const;
  readonly #words = ['Hello,', 'OpenAI!'];

  get content(): string {
    return this.#words.join(' ');
  }

  toJSON() {
    return { role: this.role, content: this.content };
  }
}

/** A fetch with what node-fetch has on it. */
function likeNodeFetch(used: (name: string) => void): typeof fetch {
  class OtherResponse extends Response {}
  const fetching: typeof fetch = (input, init) => {
    used(String(input).startsWith('data:') ? 'probe' : 'fetch');
    return fetch(input, init);
  };
  return Object.assign(fetching, { Response: OtherResponse });
}

export const options: Record<string, Scenario> = {
  'headers and query of the client': {
    answers: [one],
    run: ({ client }) =>
      client({
        defaultHeaders: { 'x-app': 'a', 'x-none': null, 'OpenAI-Beta': 'b' },
        defaultQuery: { team: 'search', none: undefined },
      }).chat.completions.create(HELLO),
  },
  'headers and query of the request': {
    answers: [one],
    run: ({ client }) =>
      client({ defaultHeaders: { 'x-app': 'a' }, defaultQuery: { team: 'search' } }).chat.completions.create(
        HELLO,
        {
          headers: { 'X-App': 'b', 'user-agent': 'mine', 'x-list': 'c' },
          query: { team: 'ads', tags: ['a', 'b'] },
        },
      ),
  },
  'headers taken away': {
    answers: [one],
    run: ({ client }) =>
      client().chat.completions.create(HELLO, { headers: { Authorization: null, 'X-Stainless-Lang': null } }),
  },
  'organization and project': {
    answers: [one],
    run: ({ client }) => client({ organization: 'org-1', project: 'proj_1' }).chat.completions.create(HELLO),
  },
  'an idempotency key': {
    answers: [one],
    run: ({ client }) => client().chat.completions.create(HELLO, { idempotencyKey: 'key-1' }),
  },
  'an API key by a function': {
    answers: [one],
    run: async ({ client, note }) => {
      let calls = 0;
      const openai = client({ apiKey: async () => `sk-${++calls}` });
      note('first', await openai.chat.completions.create(HELLO));
      note('second', await openai.chat.completions.create(HELLO));
      note('key', [openai.apiKey, calls]);
    },
  },
  'an API key by a function that fails': {
    answers: [one],
    run: ({ client }) =>
      client({ apiKey: () => Promise.reject(new RangeError('no key')) }).chat.completions.create(HELLO),
    outcomes: KEYLESS,
  },
  'an API key by a function that gives none': {
    answers: [one],
    run: ({ client }) => client({ apiKey: async () => '' }).chat.completions.create(HELLO),
    outcomes: KEYLESS,
  },
  'a base URL with a slash': {
    answers: [one],
    run: ({ client, server }) => client({ baseURL: `${server.url}/a/b/v1/` }).chat.completions.create(HELLO),
  },
  'a base URL with a query': {
    answers: [one],
    run: ({ client, server }) => client({ baseURL: `${server.url}/v1?a=1` }).chat.completions.create(HELLO),
    // Version 6 puts the path behind the query.
    since: 7,
  },
  'a fetch of the app': {
    answers: [one],
    run: async ({ client, note }) => {
      const openai = client({
        fetch: (input, init) => {
          const headers = new Headers(init?.headers);
          headers.delete('user-agent');
          const { method, body, signal, ...others } = init ?? {};
          note('fetch', {
            input,
            method,
            body,
            aborted: signal?.aborted,
            others: Reflect.ownKeys(others),
            headers,
          });
          return fetch(input, init);
        },
      });
      return openai.chat.completions.create(HELLO);
    },
  },
  'a fetch of the app that throws': {
    answers: [one],
    run: ({ client, note }) =>
      client({
        maxRetries: 1,
        fetch: async () => {
          note('fetch');
          throw new RangeError('no network today');
        },
      }).chat.completions.create(HELLO),
    outcomes: ['estimated', 'estimated'],
    noWaits: true,
  },
  'a fetch of the app that answers itself': {
    answers: [one],
    run: ({ client }) =>
      client({ fetch: async () => Response.json({ id: 'mine' }) }).chat.completions.create(HELLO),
    outcomes: ['estimated'],
  },
  'a fetch of the app whose answers are frozen': {
    answers: [one],
    run: ({ client }) =>
      client({ fetch: async () => Object.freeze(Response.json({ id: 'mine' })) }).chat.completions.create(
        HELLO,
      ),
    outcomes: ['estimated'],
  },
  'a fetch like node-fetch': {
    answers: [
      json({
        text: 'Hello!',
        usage: { type: 'tokens', input_tokens: 14, output_tokens: 7, total_tokens: 21 },
      }),
    ],
    run: async ({ client, note }) => {
      const openai = client({ fetch: likeNodeFetch((name) => note(name)) });
      const upload = { file: new File(['abc'], 'a.mp3'), model: 'gpt-4o-transcribe' };
      return openai.audio.transcriptions.create(upload);
    },
  },
  'fetchOptions of the client and the request': {
    answers: [one],
    run: ({ client, note }) =>
      client({
        fetchOptions: { keepalive: true, cache: 'no-store' },
        fetch: (input, init) => {
          note('fetch', [init?.keepalive, init?.cache, init?.redirect, Reflect.ownKeys(init ?? {})]);
          return fetch(input, {
            method: init?.method ?? '',
            body: init?.body ?? null,
            headers: init?.headers ?? [],
          });
        },
      }).chat.completions.create(HELLO, { fetchOptions: { cache: 'reload', redirect: 'manual' } }),
  },
  'a request with options that are not data': {
    answers: [one],
    run: ({ client, note }) => {
      const fetchOptions = { dispatcher: undefined, callback: () => 'mine' };
      const body = { ...HELLO, messages: [new Message()], metadata: { when: new Date(0) as never } };
      return client({
        fetch: (input, init) => {
          note('fetch', Reflect.ownKeys(init ?? {}));
          return fetch(input, init);
        },
      }).chat.completions.create(body, { fetchOptions } as object);
    },
  },
  'a body with toJSON': {
    answers: [one, stream],
    run: async ({ client, note }) => {
      const of = (body: object) => ({ toJSON: () => body }) as unknown as typeof HELLO;
      note('completion', await client().chat.completions.create(of(HELLO)));
      note('stream', await client().post('/chat/completions', { body: of(STREAMED) }));
    },
  },
  'a body that cannot be JSON': {
    answers: [one],
    run: ({ client }) => {
      const body: Record<string, unknown> = { ...HELLO };
      body['self'] = body;
      return client().chat.completions.create(body as never);
    },
    outcomes: ['refunded'],
  },
  'a body with what JSON leaves out': {
    answers: [one],
    run: ({ client }) =>
      client().chat.completions.create({
        ...HELLO,
        user: undefined,
        seed: Number.NaN,
        stop: () => 'x',
      } as never),
  },
  'a body that is a list': {
    answers: [failure(400)],
    run: ({ client }) => client().post('/chat/completions', { body: [HELLO] as never }),
  },
  'no body': {
    answers: [failure(400)],
    run: ({ client }) => client().post('/chat/completions'),
  },
  'a body of null': {
    answers: [failure(400)],
    run: ({ client }) => client().post('/chat/completions', { body: null as never }),
  },
  'a body of text': {
    answers: [one, stream],
    run: async ({ client, note }) => {
      const headers = { 'content-type': 'application/json' };
      note(
        'one',
        await client().post('/chat/completions', { body: JSON.stringify(HELLO) as never, headers }),
      );
      note(
        'stream',
        await client().post('/chat/completions', { body: JSON.stringify(STREAMED) as never, headers }),
      );
    },
  },
  'a body of bytes': {
    answers: [one, stream],
    run: async ({ client, note }) => {
      const headers = { 'content-type': 'application/json' };
      for (const body of [HELLO, STREAMED]) {
        const bytes = new TextEncoder().encode(JSON.stringify(body));
        note('answer', await client().post('/chat/completions', { body: bytes as never, headers }));
      }
    },
  },
  'unknown parameters': {
    answers: [one],
    run: ({ client }) =>
      client().chat.completions.create({ ...HELLO, an_option_to_come: { deep: [1, 'a', null] } } as never),
  },
  'fields in the order that they were given': {
    answers: [events(chat(['Hello']))],
    run: async ({ client }) =>
      collect(
        await client().chat.completions.create({
          stream_options: {},
          temperature: 0,
          stream: true,
          messages: MESSAGES,
          model: MODEL,
        }),
      ),
  },
};
