import { toFile } from 'openai';
import { failure, json, text } from '../answers.ts';
import { collect } from '../bodies.ts';
import type { Scenario } from '../run.ts';

const page = (ids: readonly string[], has_more: boolean) =>
  json({ object: 'list', data: ids.map((id) => ({ id })), has_more, last_id: ids.at(-1) });
const pages = [page(['a', 'b'], true), page(['c'], false)];

export const ungoverned: Record<string, Scenario> = {
  'models.list': {
    answers: [json({ object: 'list', data: [{ id: 'a' }, { id: 'b' }] })],
    run: async ({ client, note }) => {
      note('page', await client().models.list());
      return collect(client().models.list());
    },
  },
  'models.retrieve and delete': {
    answers: [json({ id: 'a' })],
    run: async ({ client, note }) => {
      note('retrieve', await client().models.retrieve('ft:gpt-4o/a b'));
      note('delete', await client().models.delete('a'));
    },
  },
  'files.list, every item': {
    answers: pages,
    run: async ({ client }) => collect(client().files.list({ limit: 2, order: 'asc' })),
  },
  'files.list, page by page': {
    answers: pages,
    run: async ({ client, note }) => {
      const first = await client().files.list({ limit: 2 });
      note('first', [first.getPaginatedItems(), first.hasNextPage(), first.has_more]);
      const second = await first.getNextPage();
      note('second', [second.data, second.hasNextPage(), second.nextPageRequestOptions()]);
      return second.getNextPage();
    },
  },
  'files.list, iterated by its pages': {
    answers: pages,
    run: async ({ client, note }) => {
      for await (const each of (await client().files.list({ limit: 2 })).iterPages()) note('page', each.data);
    },
  },
  'files.list, with its response': {
    answers: pages,
    run: async ({ client }) => client().files.list().withResponse(),
  },
  'files.list, as its response': {
    answers: pages,
    run: async ({ client }) => (await client().files.list().asResponse()).json(),
  },
  'files.list, left': {
    answers: pages,
    run: async ({ client }) => {
      for await (const file of client().files.list({ limit: 2 })) return file;
      return 'none';
    },
  },
  'files.list, whose second page fails': {
    answers: [page(['a'], true), failure(404)],
    run: async ({ client, note }) => {
      for await (const file of client().files.list()) note('file', file);
    },
  },
  'chat.completions.list': {
    answers: pages,
    run: async ({ client }) => collect(client().chat.completions.list({ model: 'gpt-4o-mini' })),
  },
  'files.create': {
    answers: [json({ id: 'file-1', object: 'file', bytes: 2 })],
    run: async ({ client }) =>
      client().files.create({ file: await toFile(Buffer.from('{}'), 'a.jsonl'), purpose: 'batch' }),
  },
  'files.create of a response': {
    answers: [json({ id: 'file-1' })],
    run: async ({ client }) => client().files.create({ file: new Response('{}'), purpose: 'batch' }),
  },
  'files.create of what is no file': {
    answers: [json({ id: 'file-1' })],
    run: async ({ client }) => client().files.create({ file: 'a path' as never, purpose: 'batch' }),
  },
  'files.content': {
    answers: [text('{"a":1}\n', { headers: { 'content-type': 'application/octet-stream' } })],
    run: async ({ client, note }) => {
      const response = await client().files.content('file-1');
      note('response', response);
      return response.text();
    },
  },
  'files.delete': {
    answers: [json({ id: 'file-1', deleted: true })],
    run: async ({ client }) => client().files.delete('file-1'),
  },
  'batches.create, retrieve and cancel': {
    answers: [json({ id: 'batch_1', object: 'batch', status: 'validating', usage: { total_tokens: 9 } })],
    run: async ({ client, note }) => {
      const { batches } = client();
      const body = {
        input_file_id: 'file-1',
        endpoint: '/v1/chat/completions',
        completion_window: '24h',
      } as const;
      note('create', await batches.create(body));
      note('retrieve', await batches.retrieve('batch_1'));
      note('cancel', await batches.cancel('batch_1'));
    },
  },
  'vectorStores.create, search and delete': {
    answers: [json({ id: 'vs_1' }), page(['a'], false), text('', { status: 204 })],
    run: async ({ client, note }) => {
      const { vectorStores } = client();
      note('create', await vectorStores.create({ name: 'a' }));
      note('search', await collect(vectorStores.search('vs_1', { query: 'a' })));
      note('delete', await vectorStores.delete('vs_1'));
    },
  },
  'responses.delete, answered with nothing': {
    answers: [text('', { status: 204 })],
    run: ({ client }) => client().responses.delete('resp_1'),
  },
  'fineTuning.jobs.create': {
    answers: [json({ id: 'ftjob-1' })],
    run: ({ client }) => client().fineTuning.jobs.create({ model: 'gpt-4o-mini', training_file: 'file-1' }),
  },
  'put, patch and delete of anything': {
    answers: [json({ ok: true })],
    run: async ({ client, note }) => {
      const openai = client();
      note('put', await openai.put('/a', { body: { b: 1 } }));
      note('patch', await openai.patch('/a', { body: { b: 1 } }));
      note('delete', await openai.delete('/a', { body: { b: 1 } }));
      note('post', await openai.post('/chat/completions/chatcmpl-1', { body: {} }));
    },
  },
  'an error': { answers: [failure(401)], run: ({ client }) => client().models.list() },
};
