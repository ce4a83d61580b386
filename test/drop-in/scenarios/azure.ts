import { events, failure, json } from '../answers.ts';
import { COMPLETION, chat, collect, HELLO, response, responseEvents, STREAMED } from '../bodies.ts';
import type { Scenario, Side } from '../run.ts';

const one = json(COMPLETION);
type AzureOptions = NonNullable<ConstructorParameters<Side['Azure']>[0]>;

function azureOf({ Azure, options, server }: Side, more: AzureOptions = {}) {
  const { baseURL, ...others } = options();
  return new Azure({
    ...others,
    endpoint: server.url,
    apiVersion: '2025-04-01-preview',
    ...more,
  } as AzureOptions);
}

export const azure: Record<string, Scenario> = {
  'a completion: the model is the deployment': {
    answers: [one],
    run: (side) => azureOf(side).chat.completions.create(HELLO),
  },
  'a deployment of the client': {
    answers: [one],
    run: (side) => azureOf(side, { deployment: 'team gpt' }).chat.completions.create({ ...HELLO, model: '' }),
  },
  'a stream, refused first': {
    answers: [failure(429), events(chat(['Hello']))],
    run: async (side) => collect(await azureOf(side, { maxRetries: 1 }).chat.completions.create(STREAMED)),
    noWaits: true,
  },
  'a stream helper': {
    answers: [events(chat(['Hello']))],
    run: (side) => azureOf(side).chat.completions.stream(HELLO).finalChatCompletion(),
  },
  responses: {
    answers: [json(response('Hello!')), events(responseEvents(['Hel', 'lo']))],
    run: async (side) => {
      const openai = azureOf(side);
      side.note('created', await openai.responses.create({ model: 'gpt-4o-mini', input: 'Hello' }));
      return collect(await openai.responses.create({ model: 'gpt-4o-mini', input: 'Hello', stream: true }));
    },
  },
  'a token by a function': {
    answers: [one],
    run: (side) =>
      azureOf(side, { apiKey: undefined, azureADTokenProvider: async () => 'token' }).chat.completions.create(
        HELLO,
      ),
  },
  embeddings: {
    answers: [json({ object: 'list', data: [], usage: { prompt_tokens: 105, total_tokens: 105 } })],
    run: (side) =>
      azureOf(side).embeddings.create({ model: 'embed', input: 'Hello', encoding_format: 'float' }),
  },
  'an upload': {
    answers: [json({ text: 'Hello!', usage: { type: 'duration', seconds: 3 } })],
    run: (side) =>
      azureOf(side).audio.transcriptions.create({ file: new File(['abc'], 'a.mp3'), model: 'whisper' }),
  },
  withOptions: {
    answers: [one],
    run: (side) =>
      azureOf(side, { deployment: 'team-gpt' })
        .withOptions({ timeout: 5_000 })
        .chat.completions.create(HELLO),
    // That of version 6 forgets the version of the API and throws; ours does not.
    since: 7,
  },
  'an error': { answers: [failure(401)], run: (side) => azureOf(side).chat.completions.create(HELLO) },
  'no version of the API': {
    answers: [one],
    run: async (side) => azureOf(side, { apiVersion: undefined }),
    outcomes: [],
  },
  'a body that is no object': {
    answers: [one],
    run: (side) => azureOf(side).post('/chat/completions', { body: 'text' as never }),
    outcomes: ['refunded'],
  },
};
