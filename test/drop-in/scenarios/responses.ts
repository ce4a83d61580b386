import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { events, failure, json, stepped } from '../answers.ts';
import { collect, INPUT_USAGE, MODEL, response, responseEvents } from '../bodies.ts';
import type { Scenario } from '../run.ts';

const City = z.object({ city: z.string() });
const ASK = { model: MODEL, input: 'Hello, OpenAI!' };
const BACKGROUND = { ...ASK, background: true };
const background = (text: string, more: object = {}) => response(text, { background: true, ...more });
const queued = json(background('', { status: 'queued', output: [], usage: null }));
const resumed = events(responseEvents(['Hel', 'lo', '!'], { background: true }));
const stream = events(responseEvents(['Hel', 'lo', '!']));

/** The Responses API. */
export const responses: Record<string, Scenario> = {
  'responses.create': {
    answers: [json(response('Hello!'))],
    run: async ({ client, note }) => {
      const answer = await client().responses.create(ASK);
      note('output_text', answer.output_text);
      return answer;
    },
  },
  'responses.create, streamed': {
    answers: [stream],
    run: async ({ client }) => collect(await client().responses.create({ ...ASK, stream: true })),
  },
  'responses.create, streamed, left': {
    answers: [stepped(responseEvents(['Hel', 'lo', '!']))],
    run: async ({ client, server, note }) => {
      for (let steps = 0; steps < 5; steps++) server.step();
      for await (const event of await client().responses.create({ ...ASK, stream: true })) {
        note('event', event);
        if (event.type === 'response.output_text.delta') break;
      }
      await server.over(0);
    },
    outcomes: ['counted'],
  },
  'responses.create, refused': {
    answers: [failure(400)],
    run: ({ client }) => client().responses.create(ASK),
  },
  'responses.stream: its events and its end': {
    answers: [stream],
    run: async ({ client, note }) => {
      const helper = client().responses.stream(ASK);
      helper.on('event', (event) => note('event', event));
      helper.on('response.output_text.delta', (event) => note('delta', event));
      helper.on('response.completed', (event) => note('completed', event));
      return helper.finalResponse();
    },
  },
  'responses.stream, iterated': {
    answers: [stream],
    run: async ({ client }) => collect(client().responses.stream(ASK)),
  },
  'responses.stream of JSON by a schema': {
    answers: [events(responseEvents(['{"city":', '"Rome"}']))],
    run: async ({ client, note }) => {
      const helper = client().responses.stream({ ...ASK, text: { format: zodTextFormat(City, 'city') } });
      const final = await helper.finalResponse();
      note('parsed', final.output_parsed);
      return final;
    },
  },
  'responses.stream that fails': {
    answers: [
      events([
        ...responseEvents(['Hel']).slice(0, 5),
        {
          type: 'response.failed',
          sequence_number: 5,
          response: response('', {
            status: 'failed',
            usage: null,
            error: { code: 'server_error', message: 'no' },
          }),
        },
      ]),
    ],
    run: async ({ client, note }) => {
      const helper = client().responses.stream(ASK);
      helper.on('event', (event) => note('event', event));
      return helper.finalResponse();
    },
    outcomes: ['counted'],
  },
  'responses.parse': {
    answers: [json(response('{"city":"Rome"}'))],
    run: async ({ client, note }) => {
      const text = { format: zodTextFormat(City, 'city') };
      const promise = client().responses.parse({ ...ASK, text });
      note('parsed', (await promise).output_parsed);
      return promise;
    },
  },
  'responses.parse, with its response': {
    answers: [json(response('{"city":"Rome"}'))],
    run: async ({ client }) =>
      client()
        .responses.parse({ ...ASK, text: { format: zodTextFormat(City, 'city') } })
        .withResponse(),
  },
  'responses.retrieve of one in the background': {
    answers: [
      queued,
      json(background('', { status: 'in_progress', output: [], usage: null })),
      json(background('Hello!')),
    ],
    run: async ({ client, note }) => {
      const { responses } = client();
      const { id } = await responses.create(BACKGROUND);
      note('first', await responses.retrieve(id));
      note('then', await responses.retrieve(id, { include: ['reasoning.encrypted_content'] }));
    },
    outcomes: ['reported'],
    usage: INPUT_USAGE,
  },
  'responses.retrieve, streamed': {
    answers: [queued, resumed],
    run: async ({ client }) => {
      const { responses } = client();
      const { id } = await responses.create(BACKGROUND);
      return collect(await responses.retrieve(id, { stream: true, starting_after: 1 }));
    },
    outcomes: ['reported'],
    usage: INPUT_USAGE,
  },
  'responses.stream of one in the background, by its id': {
    answers: [queued, resumed],
    run: async ({ client, note }) => {
      const { responses } = client();
      const { id } = await responses.create(BACKGROUND);
      const helper = responses.stream({ response_id: id });
      helper.on('event', (event) => note('event', event));
      return helper.finalResponse();
    },
    outcomes: ['reported'],
    usage: INPUT_USAGE,
  },
  'responses.cancel and delete of one in the background': {
    answers: [queued, json(background('', { status: 'cancelled' })), json({})],
    run: async ({ client, note }) => {
      const { responses } = client();
      const { id } = await responses.create(BACKGROUND);
      note('cancelled', await responses.cancel(id));
      note('deleted', await responses.delete(id));
    },
    outcomes: ['reported'],
    usage: INPUT_USAGE,
  },
  'responses.inputItems.list': {
    answers: [json({ object: 'list', data: [{ id: 'a' }, { id: 'b' }], has_more: false })],
    run: async ({ client }) => collect(client().responses.inputItems.list('resp_1')),
  },
};
