import { freePort } from '../../support/server.ts';
import { chunked, events, failure, json, reporting, reset, STREAM, text } from '../answers.ts';
import { COMPLETION, chat, HELLO, STREAMED, USAGE } from '../bodies.ts';
import type { Scenario } from '../run.ts';
import type { Answer } from '../server.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
/** A port of this machine that nothing listens on, the same for both clients. */
const REFUSED = `http://127.0.0.1:${await freePort()}/v1`;
const WHOLE = JSON.stringify(COMPLETION);

function asked(answer: Answer, outcome: string): Scenario {
  return {
    answers: [answer],
    run: ({ client }) => client().chat.completions.create(HELLO),
    outcomes: [outcome],
  };
}

function streamed(answer: Answer, outcome: string): Scenario {
  return {
    answers: [answer],
    run: async ({ client, note }) => {
      for await (const chunk of await client().chat.completions.create(STREAMED)) note('chunk', chunk);
    },
    outcomes: [outcome],
  };
}

const texts = chat(['Hel', 'lo', '!'])(false).map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
const ERROR = {
  error: { message: 'The server had an error.', type: 'server_error', param: null, code: null },
};

/** Statuses with and without bodies that the SDK can read. */
const refusals = Object.fromEntries(
  [400, 401, 403, 404, 409, 413, 422, 429, 500, 503].flatMap((status): [string, Scenario][] => [
    [`status ${status}`, asked(failure(status), 'refunded')],
    [
      `status ${status} of text`,
      asked(text('No.', { status, headers: { 'content-type': 'text/plain' } }), 'refunded'),
    ],
    [`status ${status} of a stream`, streamed(failure(status), 'refunded')],
  ]),
);

export const broken: Record<string, Scenario> = {
  ...refusals,
  'an error that nobody waits for': {
    answers: [failure(400)],
    run: async ({ client, server }) => {
      void client().chat.completions.create(HELLO);
      await server.over(0);
      await new Promise((resolve) => process.once('unhandledRejection', resolve));
    },
    unhandled: 1,
  },
  'an error of a stream helper that nobody waits for': {
    answers: [failure(400)],
    run: async ({ client, server }) => {
      client().chat.completions.stream(HELLO);
      await server.over(0);
      await new Promise((resolve) => process.once('unhandledRejection', resolve));
    },
    unhandled: 1,
  },
  'status 400 with an empty body': asked(text('', { status: 400 }), 'refunded'),
  'status 400 with an error of another form': asked(
    json({ message: 'no', detail: [1] }, { status: 400 }),
    'refunded',
  ),
  'status 204': asked(text('', { status: 204 }), 'estimated'),
  'status 302 without a location': asked(text('', { status: 302 }), 'refunded'),
  'a body cut in the middle': asked(text(WHOLE.slice(0, 40), { headers: JSON_TYPE }), 'estimated'),
  'a body that is no JSON': asked(text('<html>', { headers: JSON_TYPE }), 'estimated'),
  'a body of null': asked(text('null', { headers: JSON_TYPE }), 'estimated'),
  'a body that is a list': asked(text('[1,2]', { headers: JSON_TYPE }), 'estimated'),
  'an empty body of JSON': asked(text('', { headers: { ...JSON_TYPE, 'content-length': '0' } }), 'estimated'),
  'an empty body of JSON, chunked': asked(chunked([], { headers: JSON_TYPE }), 'estimated'),
  'a body of text': asked(text('Hello!', { headers: { 'content-type': 'text/plain' } }), 'estimated'),
  'a body without a type': asked(reporting(USAGE, text(WHOLE)), 'reported'),
  'a body of JSON by another name': asked(
    json(COMPLETION, { headers: { 'content-type': 'application/vnd.api+json; charset=utf-8' } }),
    'reported',
  ),
  'a body in many chunks': asked(reporting(USAGE, chunked([...WHOLE], { headers: JSON_TYPE })), 'reported'),
  'a body closed in the middle': asked(
    chunked([WHOLE.slice(0, 40)], { headers: JSON_TYPE }, 'destroy'),
    'estimated',
  ),
  'a body shorter than it says': asked(
    chunked(
      [WHOLE.slice(0, 40)],
      { headers: { ...JSON_TYPE, 'content-length': String(WHOLE.length) } },
      'destroy',
    ),
    'estimated',
  ),
  'a connection closed unanswered': asked(reset, 'estimated'),
  'a connection refused': {
    answers: [json(COMPLETION)],
    run: async ({ client }) => client({ baseURL: REFUSED }).chat.completions.create(HELLO),
    outcomes: ['refunded'],
  },
  'a host that is none': {
    answers: [json(COMPLETION)],
    run: ({ client }) => client({ baseURL: 'not a url' }).chat.completions.create(HELLO),
    outcomes: ['refunded'],
  },
  'a stream in chunks of one byte': streamed(
    chunked(Array.from(Buffer.from([...texts, 'data: [DONE]\n\n'].join('')), (byte) => Uint8Array.of(byte))),
    'counted',
  ),
  'a stream with CR LF, comments and ids': streamed(
    text(
      [
        ': hello\r\n\r\n',
        ...texts.map((each, at) => `id: ${at}\n${each}`.replaceAll('\n', '\r\n')),
        'data: [DONE]\r\n\r\n',
      ].join(''),
      { headers: STREAM },
    ),
    'counted',
  ),
  'a stream without its end': streamed(text(texts.join(''), { headers: STREAM }), 'counted'),
  'a stream cut within an event': streamed(
    text(texts.join('').slice(0, -30), { headers: STREAM }),
    'counted',
  ),
  'a stream closed within an event': streamed(
    chunked([texts.join('').slice(0, -30)], { headers: STREAM }, 'destroy'),
    'counted',
  ),
  'a stream of nothing': streamed(text('', { headers: STREAM }), 'estimated'),
  'a stream of its end alone': streamed(events([]), 'estimated'),
  'a stream with an event that is no JSON': streamed(
    text(`${texts[0]}data: {"a":\n\n${texts[1]}`, { headers: STREAM }),
    'counted',
  ),
  'an error in the middle of a stream': streamed(
    text(`${texts[0]}${texts[1]}data: ${JSON.stringify(ERROR)}\n\n${texts[2]}`, { headers: STREAM }),
    'counted',
  ),
  'an event of type error in the middle of a stream': streamed(
    text(`${texts[0]}${texts[1]}event: error\ndata: ${JSON.stringify(ERROR)}\n\n${texts[2]}`, {
      headers: STREAM,
    }),
    'counted',
  ),
  'an error at the start of a stream': streamed(
    text(`data: ${JSON.stringify(ERROR)}\n\n`, { headers: STREAM }),
    'refunded',
  ),
  'events after the end': streamed(
    text([...texts, 'data: [DONE]\n\n', ...texts].join(''), { headers: STREAM }),
    'counted',
  ),
  'JSON where a stream was asked for': streamed(json(COMPLETION), 'estimated'),
  'a stream where JSON was asked for': asked(events(chat(['Hello'])), 'counted'),
  'a stream that reports usage twice': streamed(
    events((asked) => [...chat(['Hel'])(asked), ...chat(['lo'], { ...USAGE })(asked)]),
    'reported',
  ),
};
