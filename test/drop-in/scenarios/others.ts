import { chatUsage } from '../../support/upstream.ts';
import { events, json } from '../answers.ts';
import { collect } from '../bodies.ts';
import type { Scenario } from '../run.ts';

const VECTOR = [0.5, -0.25, 1];
const USAGE = { prompt_tokens: 105, total_tokens: 105 };
const BASE64 = Buffer.from(new Float32Array(VECTOR).buffer).toString('base64');
const embedded = (embedding: unknown) =>
  json({
    object: 'list',
    model: 'text-embedding-3-small',
    data: [{ object: 'embedding', index: 0, embedding }],
    usage: USAGE,
  });
const EMBED = { model: 'text-embedding-3-small', input: 'Hello!' };

const COMPLETE = { model: 'gpt-3.5-turbo-instruct', prompt: 'Hello', max_tokens: 9 };
const completion = {
  ...{ id: 'cmpl-1', object: 'text_completion', model: 'gpt-3.5-turbo-instruct' },
  choices: [{ index: 0, text: ' there', logprobs: null, finish_reason: 'stop' }],
  usage: chatUsage(101, 2),
};
/** A legacy stream: as that of chat, with texts in the place of deltas. */
const completions = (asked: boolean) => {
  const { usage, ...plain } = completion;
  const chunk = asked ? { ...plain, usage: null } : plain;
  return asked ? [chunk, chunk, { ...plain, choices: [], usage }] : [chunk, chunk];
};

export const others: Record<string, Scenario> = {
  'embeddings.create, in base64 underneath': {
    answers: [embedded(BASE64)],
    run: ({ client }) => client().embeddings.create(EMBED),
  },
  'embeddings.create in floats': {
    answers: [embedded(VECTOR)],
    run: ({ client }) => client().embeddings.create({ ...EMBED, encoding_format: 'float' }),
  },
  'embeddings.create in base64': {
    answers: [embedded(BASE64)],
    run: ({ client }) => client().embeddings.create({ ...EMBED, encoding_format: 'base64' }),
  },
  'embeddings.create, answered with floats all the same': {
    answers: [embedded(VECTOR)],
    run: ({ client }) => client().embeddings.create(EMBED),
  },
  'embeddings.create of tokens, with its response': {
    answers: [embedded(BASE64)],
    run: ({ client }) =>
      client()
        .embeddings.create({ ...EMBED, input: [[1, 2], [3]] })
        .withResponse(),
  },
  'moderations.create': {
    answers: [json({ id: 'modr-1', model: 'omni-moderation-latest', results: [{ flagged: false }] })],
    run: ({ client }) => client().moderations.create({ input: ['Hello!'] }),
    usage: { total_tokens: 0 },
  },
  'completions.create': {
    answers: [json(completion)],
    run: ({ client }) => client().completions.create(COMPLETE),
  },
  'completions.create, streamed': {
    answers: [events(completions)],
    run: async ({ client }) => collect(await client().completions.create({ ...COMPLETE, stream: true })),
  },
  'completions.create, streamed with its usage': {
    answers: [events(completions)],
    run: async ({ client }) =>
      collect(
        await client().completions.create({
          ...COMPLETE,
          stream: true,
          stream_options: { include_usage: true },
        }),
      ),
  },
};
