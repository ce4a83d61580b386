import { json, silence, stalled, stepped } from '../answers.ts';
import { COMPLETION, chat, collect, HELLO, STREAMED } from '../bodies.ts';
import type { Scenario, Side } from '../run.ts';
import type { Answer } from '../server.ts';
import { MAJOR } from '../version.ts';
import { patientFetch } from '../waits.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const PIECES = ['a', 'b', 'c'];
/** The role, the pieces, the end. */
const CHUNKS = PIECES.length + 2;

type Leave = (controller: AbortController, app: AbortController) => void;

/** Ways to end a stream early. */
const LEAVES: Record<string, Leave> = {
  'its controller is aborted': (controller) => controller.abort(),
  'the signal is aborted': (_, app) => app.abort(),
  'the signal is aborted for a reason': (_, app) => app.abort(new RangeError('enough')),
};

/** Reads so many chunks of a stream, each sent when it is waited for; leaves it; and goes on reading. */
async function leaveAfter({ client, server, note }: Side, count: number, leave: Leave): Promise<void> {
  const app = new AbortController();
  const stream = await client().chat.completions.create(STREAMED, { signal: app.signal });
  const iterator = stream[Symbol.asyncIterator]();
  const next = () => iterator.next().catch((error: unknown) => error);
  for (let at = 0; at < count; at++) {
    server.step();
    note('chunk', await next());
  }
  leave(stream.controller, app);
  note('the next', await next());
  note('and then', await next());
  note('signal', stream.controller.signal);
  await server.over(0);
}

/** The same while a read waits. */
async function leaveWaiting({ client, server, note }: Side, count: number, leave: Leave): Promise<void> {
  const app = new AbortController();
  const stream = await client().chat.completions.create(STREAMED, { signal: app.signal });
  const iterator = stream[Symbol.asyncIterator]();
  for (let at = 0; at < count; at++) {
    server.step();
    note('chunk', await iterator.next());
  }
  const waiting = iterator.next().catch((error: unknown) => error);
  await new Promise(setImmediate);
  leave(stream.controller, app);
  note('the one that waited', await waiting);
  await server.over(0);
}

/** A stream whose connection is lost after so many chunks, once they were read. */
function lostAfter(count: number): Scenario {
  const answer: Answer = async ({ seen, response, step }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    const chunks = chat(PIECES)(String(seen.body).includes('include_usage'));
    for (const chunk of chunks.slice(0, count)) {
      await step();
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    }
    await step();
    response.destroy();
  };
  return {
    answers: [answer],
    run: async ({ client, server, note }) => {
      server.step();
      for await (const chunk of await client().chat.completions.create(STREAMED)) {
        note('chunk', chunk);
        server.step();
      }
    },
    outcomes: [count === 0 ? 'estimated' : 'counted'],
  };
}

const afterEveryChunk = Object.fromEntries(
  Array.from({ length: CHUNKS + 1 }, (_, count) => {
    const answers = [stepped(chat(PIECES))];
    const outcomes = [count === 0 ? 'estimated' : 'counted'];
    const left = Object.entries(LEAVES).flatMap(([what, leave]): [string, Scenario][] => [
      [`${what} after ${count} chunks`, { answers, outcomes, run: (side) => leaveAfter(side, count, leave) }],
      [
        `${what} while chunk ${count} is waited for`,
        { answers, outcomes, run: (side) => leaveWaiting(side, count, leave) },
      ],
    ]);
    return [...left, [`the connection is lost after ${count} chunks`, lostAfter(count)]] as const;
  }).flat(),
);

/** A call that is never answered, aborted when its request has come. */
function abortedUnanswered(streamed: boolean): Scenario {
  return {
    answers: [silence],
    run: async ({ client, server, note }) => {
      const app = new AbortController();
      const body = streamed ? STREAMED : HELLO;
      const call = client().chat.completions.create(body, { signal: app.signal });
      const failed = call.catch((error: unknown) => error);
      await server.arrived(1);
      app.abort();
      note('call', await failed);
      await server.over(0);
    },
    outcomes: ['estimated'],
  };
}

export const aborts: Record<string, Scenario> = {
  ...afterEveryChunk,
  'the signal is aborted already': {
    answers: [json(COMPLETION)],
    run: ({ client }) => client().chat.completions.create(HELLO, { signal: AbortSignal.abort() }),
  },
  'the signal is aborted already, for a reason': {
    answers: [json(COMPLETION)],
    run: ({ client }) =>
      client().chat.completions.create(STREAMED, { signal: AbortSignal.abort(new RangeError('no')) }),
  },
  'the signal is aborted at once, before anything is sent': {
    answers: [json(COMPLETION)],
    run: async ({ client }) => {
      const app = new AbortController();
      const call = client().chat.completions.create(HELLO, { signal: app.signal });
      app.abort();
      return call;
    },
    outcomes: [],
  },
  'the signal is aborted before an answer': abortedUnanswered(false),
  'the signal is aborted before an answer, streamed': abortedUnanswered(true),
  'the signal is aborted after the headers': {
    answers: [stalled('{"id":', JSON_TYPE)],
    run: async ({ client, server, note }) => {
      const app = new AbortController();
      const call = client().chat.completions.create(HELLO, { signal: app.signal });
      note('response', await call.asResponse());
      const failed = call.catch((error: unknown) => error);
      app.abort();
      note('call', await failed);
      await server.over(0);
    },
    // Version 7 leaves the body unread.
    ...(MAJOR < 7 ? { outcomes: ['estimated'] } : { outcomes: [], open: 1 }),
  },
  'the signal is aborted after the call is over': {
    answers: [json(COMPLETION)],
    run: async ({ client, note }) => {
      const app = new AbortController();
      note('completion', await client().chat.completions.create(HELLO, { signal: app.signal }));
      app.abort();
    },
  },
  'the signal of a client: fetchOptions': {
    answers: [silence],
    run: async ({ client, server, note }) => {
      const app = new AbortController();
      const call = client({ fetchOptions: { signal: app.signal } as object }).chat.completions.create(HELLO);
      const failed = call.catch((error: unknown) => error);
      await server.arrived(1);
      app.abort();
      note('call', await failed);
      await server.over(0);
    },
    outcomes: ['estimated'],
  },
  'the timeout of a client': {
    answers: [silence],
    run: ({ client, server }) =>
      client({ timeout: 20, fetch: patientFetch(server) }).chat.completions.create(HELLO),
    outcomes: ['estimated'],
  },
  'the timeout of a request': {
    answers: [silence],
    run: ({ client, server }) =>
      client({ fetch: patientFetch(server) }).chat.completions.create(HELLO, { timeout: 20 }),
    outcomes: ['estimated'],
  },
  'the timeout of a streamed request': {
    answers: [silence],
    run: async ({ client, server }) =>
      collect(await client({ timeout: 20, fetch: patientFetch(server) }).chat.completions.create(STREAMED)),
    outcomes: ['estimated'],
  },
  'the timeout while the body comes': {
    answers: [stalled('{"id":', JSON_TYPE)],
    run: ({ client, server }) =>
      client({ timeout: 50, fetch: patientFetch(server) }).chat.completions.create(HELLO),
    outcomes: ['estimated'],
    // Version 6 waits for a body without end.
    since: 7,
  },
  'a timeout that cannot be': {
    answers: [json(COMPLETION)],
    run: ({ client }) => client().chat.completions.create(HELLO, { timeout: -1 }),
    outcomes: ['refunded'],
  },
};
