import { events, failure, json, reset, silence } from '../answers.ts';
import { COMPLETION, chat, collect, HELLO, STREAMED } from '../bodies.ts';
import type { Scenario } from '../run.ts';
import type { Answer } from '../server.ts';
import { patientFetch } from '../waits.ts';

const one = json(COMPLETION);

/** A call that is answered so, and then as it should be. */
function retried(first: readonly Answer[], outcomes: readonly string[], maxRetries = 2): Scenario {
  return {
    answers: [...first, one],
    run: ({ client }) => client({ maxRetries }).chat.completions.create(HELLO),
    outcomes,
    noWaits: true,
  };
}

const retriedStatuses = Object.fromEntries(
  [408, 409, 429, 500, 502, 503].map((status) => [
    `status ${status}, then an answer`,
    retried([failure(status)], ['refunded', 'reported']),
  ]),
);

/** Headers that say when to come back, and those that say it wrongly. */
const WAITS: Record<string, Record<string, string>> = {
  'retry-after of seconds': { 'retry-after': '3' },
  'retry-after of a fraction': { 'retry-after': '0.25' },
  'retry-after of zero': { 'retry-after': '0' },
  'retry-after too long to wait for': { 'retry-after': '61' },
  'retry-after in the past': { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' },
  'retry-after that is no time': { 'retry-after': 'soon' },
  'retry-after-ms': { 'retry-after-ms': '1234' },
  'retry-after-ms before retry-after': { 'retry-after-ms': '150', 'retry-after': '9' },
  'retry-after-ms that is no number': { 'retry-after-ms': 'x', 'retry-after': '2' },
};

const waits = Object.fromEntries(
  Object.entries(WAITS).map(([name, headers]) => [
    name,
    retried([failure(429, headers)], ['refunded', 'reported']),
  ]),
);

export const retries: Record<string, Scenario> = {
  ...retriedStatuses,
  ...waits,
  'status 400 is not retried': retried([failure(400)], ['refunded']),
  'x-should-retry: true': retried([failure(400, { 'x-should-retry': 'true' })], ['refunded', 'reported']),
  'x-should-retry: false': retried([failure(500, { 'x-should-retry': 'false' })], ['refunded']),
  'as often as it may, in vain': retried(
    [failure(500), failure(503), failure(429), failure(500)],
    ['refunded', 'refunded', 'refunded', 'refunded'],
    3,
  ),
  'longer waits each time': retried(
    Array.from({ length: 6 }, () => failure(500)),
    [...Array.from({ length: 6 }, () => 'refunded'), 'reported'],
    6,
  ),
  'a connection closed, then an answer': retried([reset], ['estimated', 'reported']),
  'connections closed, in vain': retried([reset, reset, reset], ['estimated', 'estimated'], 1),
  'none, by the client': retried([failure(500)], ['refunded'], 0),
  'maxRetries of the SDK by default': {
    answers: [failure(500), failure(500), one],
    run: ({ Client, options, note }) => {
      const { maxRetries, ...others } = options();
      note('not', maxRetries);
      return new Client(others).chat.completions.create(HELLO);
    },
    outcomes: ['refunded', 'refunded', 'reported'],
    noWaits: true,
  },
  'maxRetries of a request': {
    answers: [failure(500), one],
    run: ({ client }) => client().chat.completions.create(HELLO, { maxRetries: 1 }),
    noWaits: true,
  },
  'no retries of a request': {
    answers: [failure(500), one],
    run: ({ client }) => client({ maxRetries: 5 }).chat.completions.create(HELLO, { maxRetries: 0 }),
    noWaits: true,
  },
  'a stream, refused first': {
    answers: [failure(429), failure(500), events(chat(['Hel', 'lo']))],
    run: async ({ client }) => collect(await client({ maxRetries: 2 }).chat.completions.create(STREAMED)),
    noWaits: true,
  },
  'a stream helper, refused first': {
    answers: [failure(429), events(chat(['Hel', 'lo']))],
    run: async ({ client, note }) => {
      const stream = client({ maxRetries: 2 }).chat.completions.stream(HELLO);
      stream.on('chunk', (chunk) => note('chunk', chunk));
      return stream.finalChatCompletion();
    },
    noWaits: true,
  },
  'after a timeout': {
    answers: [silence, one],
    run: ({ client, server }) =>
      client({ maxRetries: 1, timeout: 40, fetch: patientFetch(server) }).chat.completions.create(HELLO),
    outcomes: ['estimated', 'reported'],
    noWaits: true,
  },
  'aborted before it waits': {
    answers: [failure(500, { 'retry-after': '30' }), one],
    run: ({ client }) => {
      const app = new AbortController();
      const info = (line: string) => line.includes('retrying') && app.abort();
      const logger = { error: info, warn: info, info, debug: () => undefined };
      const openai = client({ maxRetries: 1, logger, logLevel: 'info' });
      return openai.chat.completions.create(HELLO, { signal: app.signal });
    },
    outcomes: ['refunded'],
    noWaits: true,
  },
  'of an upload': {
    answers: [failure(500), json({ text: 'Hello!', usage: { type: 'duration', seconds: 3 } })],
    run: ({ client }) =>
      client({ maxRetries: 1 }).audio.transcriptions.create({
        file: new File(['abc'], 'a.mp3'),
        model: 'whisper-1',
      }),
    noWaits: true,
  },
  'with headers of the app': {
    answers: [failure(500), one],
    run: ({ client }) =>
      client({ maxRetries: 1 }).chat.completions.create(HELLO, {
        headers: { 'x-stainless-retry-count': '7', 'x-app': 'a' },
        idempotencyKey: 'key-1',
      }),
    noWaits: true,
  },
  'what is not governed': {
    answers: [failure(503), json({ object: 'list', data: [{ id: 'a' }] })],
    run: async ({ client }) => collect(client({ maxRetries: 1 }).models.list()),
    noWaits: true,
  },
};
