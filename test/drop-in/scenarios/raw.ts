import { chunked, events, json, stepped } from '../answers.ts';
import { COMPLETION, chat, collect, HELLO, STREAMED, textOf } from '../bodies.ts';
import { shown } from '../plain.ts';
import type { Scenario, Side } from '../run.ts';

const one = json(COMPLETION);
const stream = events(chat(['Hel', 'lo', '!']));

/** Reads the response of a call by hand. */
function reading(read: (response: Response, side: Side) => Promise<unknown>, body: object = HELLO): Scenario {
  return {
    answers: [body === HELLO ? one : stream],
    run: async (side) => {
      const response = await side
        .client()
        .chat.completions.create(body as typeof HELLO)
        .asResponse();
      side.note('response', response);
      const result = await read(response, side);
      side.note('afterwards', response);
      return result;
    },
  };
}

/** The ways to read a body. */
const READS: Record<string, (response: Response) => Promise<unknown>> = {
  'json()': (response) => response.json(),
  'text()': (response) => response.text(),
  'arrayBuffer()': (response) => response.arrayBuffer(),
  'bytes()': (response) => response.bytes(),
  'blob()': async (response) => {
    const blob = await response.blob();
    return [blob.type, blob.size, await blob.text()];
  },
  'its body, iterated': (response) => textOf(response.body),
  'its body, by a reader': async (response) => {
    const reader = response.body?.getReader();
    let text = '';
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
      text += Buffer.from(read.value).toString();
    }
    await reader?.closed;
    return text;
  },
  'its body, by a reader of its own buffer': async (response) => {
    const reader = response.body?.getReader({ mode: 'byob' });
    let text = '';
    for (;;) {
      const read = await reader?.read(new Uint8Array(64));
      if (read?.value === undefined || read.done) return text;
      text += Buffer.from(read.value).toString();
    }
  },
  'its body, piped': async (response) => {
    let text = '';
    const write = (chunk: Uint8Array) => {
      text += Buffer.from(chunk).toString();
    };
    await response.body?.pipeTo(new WritableStream({ write }));
    return text;
  },
  'its body, through a transformer': async (response) => {
    const texts = await collect(response.body?.pipeThrough(new TextDecoderStream()) ?? new ReadableStream());
    return texts.join('');
  },
  'its body, teed': async (response) => {
    const [left, right] = response.body?.tee() ?? [];
    return Promise.all([textOf(left ?? null), textOf(right ?? null)]);
  },
  'another response of its body': (response) => new Response(response.body, response).text(),
  'a clone, and then itself': async (response) => {
    const copy = response.clone();
    return [await copy.text(), await response.text()];
  },
  'itself, and then a clone': async (response) => {
    const copy = response.clone();
    return [await response.text(), await copy.text()];
  },
  'text() twice': async (response) => [
    await response.text(),
    await response.text().catch((error: unknown) => error),
  ],
  'a clone after text()': async (response) => [await response.text(), thrownBy(() => response.clone())],
  'text() of a locked body': async (response) => {
    const reader = response.body?.getReader();
    const failed = await response.text().catch((error: unknown) => error);
    reader?.releaseLock();
    return [failed, await response.text()];
  },
};

function thrownBy(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

const everyRead = Object.fromEntries(
  Object.entries(READS).flatMap(([name, read]) => [
    [`asResponse, ${name}`, reading(read)],
    [`asResponse of a stream, ${name}`, reading(read, STREAMED)],
  ]),
);

export const raw: Record<string, Scenario> = {
  ...everyRead,
  withResponse: {
    answers: [one],
    run: ({ client }) => client().chat.completions.create(HELLO).withResponse(),
  },
  'withResponse of a stream': {
    answers: [stream],
    run: async ({ client, note }) => {
      const answer = await client().chat.completions.create(STREAMED).withResponse();
      note('answer', [answer.response, answer.request_id]);
      return collect(answer.data);
    },
  },
  'withResponse and asResponse of one promise': {
    answers: [one],
    run: async ({ client, note }) => {
      const promise = client().chat.completions.create(HELLO);
      const { data, response } = await promise.withResponse();
      note('the same', [response === (await promise.asResponse()), data === (await promise)]);
    },
  },
  'a response as an app sees it': reading(async (response, { note }) => {
    note('prototype', Object.getPrototypeOf(response) === Response.prototype);
    const tests = [
      response instanceof Response,
      Object.prototype.toString.call(response),
      response.constructor === Response,
      'body' in response,
      JSON.stringify(response),
      Object.keys({ ...response }),
      [response.text.name, response.text.length, response.clone.name],
    ];
    await response.text();
    return tests;
  }),
  'a response, logged': reading(async (response) => {
    await response.text();
    return shown(response);
  }),
  'a response of a stream, logged': reading(async (response) => {
    await response.text();
    return shown(response);
  }, STREAMED),
  'a response that nobody reads': {
    answers: [one],
    run: async ({ client, note }) => {
      note('response', await client().chat.completions.create(HELLO).asResponse());
    },
    outcomes: [],
    open: 1,
  },
  'a stream that nobody reads': {
    answers: [stream],
    run: async ({ client, note }) => {
      note('stream', (await client().chat.completions.create(STREAMED)).controller.signal);
    },
    outcomes: [],
    open: 1,
  },
  'a body cancelled': {
    ...reading(async (response) => {
      await response.body?.cancel('enough');
    }),
    outcomes: ['estimated'],
  },
  'chunks of the network': {
    answers: [
      chunked(['data: {"a":', '1}\n', '\ndata: {"a":2}\n\nda', 'ta: {"a":3}\n\n', 'data: [DONE]\n\n']),
    ],
    run: async ({ client, note }) => {
      const response = await client().chat.completions.create(STREAMED).asResponse();
      for await (const chunk of response.body ?? []) note('network chunk', Buffer.from(chunk).toString());
    },
    outcomes: ['counted'],
  },
  'the body of a stream, read in steps': {
    answers: [stepped(chat(['Hel', 'lo', '!']))],
    run: async ({ client, server, note }) => {
      const response = await client().chat.completions.create(STREAMED).asResponse();
      const reader = response.body?.getReader();
      for (let steps = 0; steps < 3; steps++) {
        server.step();
        const read = await reader?.read();
        note('chunk', Buffer.from(read?.value ?? []).toString());
      }
      await reader?.cancel();
      await server.over(0);
    },
    outcomes: ['counted'],
  },
  'client.post': {
    answers: [one],
    run: ({ client }) => client().post('/chat/completions', { body: HELLO }),
  },
  'client.post, streamed': {
    answers: [stream],
    run: async ({ client }) =>
      collect(
        (await client().post('/chat/completions', {
          body: STREAMED,
          stream: true,
        })) as AsyncIterable<unknown>,
      ),
  },
  'client.post of a stream, unread as such': {
    answers: [stream],
    run: ({ client }) => client().post('/chat/completions', { body: STREAMED }),
  },
  'client.request, whose options are not ours to change': {
    answers: [stream, one],
    run: async ({ client, note }) => {
      const openai = client();
      const options = Object.freeze({
        method: 'post',
        path: '/chat/completions',
        body: STREAMED,
        stream: true,
      } as const);
      note('first', await collect((await openai.request(options)) as AsyncIterable<unknown>));
      const other = { method: 'post', path: '/chat/completions', body: HELLO } as const;
      note('second', await openai.request(other));
      note('options', [Reflect.ownKeys(options), Reflect.ownKeys(other), other]);
    },
  },
  'client.request, its options to come': {
    answers: [one],
    run: ({ client }) =>
      client().request(Promise.resolve({ method: 'post', path: '/chat/completions', body: HELLO } as const)),
  },
  'client.get': {
    answers: [json({ object: 'list', data: [] })],
    run: ({ client }) => client().get('/models', { query: { after: 'a' } }),
  },
  _thenUnwrap: {
    answers: [one],
    run: async ({ client, note }) => {
      const promise = client()
        .chat.completions.create(HELLO)
        ._thenUnwrap((completion, { response }) => ({ id: completion.id, status: response.status }));
      note('unwrapped', await promise);
      return promise.withResponse();
    },
  },
};
