import { describe, expect, test } from 'vitest';
import { Budget, type BudgetEvents, GovernedOpenAI, governFetch, type Limit } from '../src/index.ts';
import { ManualClock } from './support/clock.ts';
import { RemoteStore } from './support/stores.ts';
import { eventStream, json, mockUpstream } from './support/upstream.ts';

const CREATE = { model: 'gpt-4o', input: 'Think.', max_output_tokens: 100, background: true } as const;
const USAGE = { input_tokens: 20, output_tokens: 30, total_tokens: 50 };

function response(status: string, usage: object | null = null, output: unknown[] = []) {
  return { id: 'resp_1', object: 'response', background: true, model: 'gpt-4o', status, usage, output };
}

/** Two workers with budgets of their own on one store, and an upstream that answers both in turn. */
function setUp(...answers: Parameters<typeof mockUpstream>) {
  const store = new RemoteStore();
  const { fetch, requests } = mockUpstream(...answers);
  const worker = () => {
    const budget = new Budget({
      store,
      key: 'team',
      clock: new ManualClock().read,
      limits: [
        { tokens: 1_000, per: 'minute' },
        { tokens: 5_000, per: 'day' },
        { requests: 10, per: 'forever' },
        { cost: 1, per: 'month' },
      ],
    });
    const settled: unknown[] = [];
    budget.on('settled', (event: BudgetEvents['settled'][0]) => settled.push(event));
    budget.on('refunded', (event) => settled.push(['refunded', event.id]));
    const openai = new GovernedOpenAI({ apiKey: 'test', fetch, maxRetries: 0, budget });
    const used = async () => {
      await budget.flush();
      return (await budget.usage()).map((limit) => limit.used);
    };
    return { budget, openai, settled, used, fetch };
  };
  return { store, requests, a: worker(), b: worker() };
}

describe('a background response', () => {
  test('keeps its estimate until any worker sees its usage, and is settled once', async () => {
    const { a, b } = setUp(
      json(response('queued')),
      json(response('in_progress')),
      json(response('completed', USAGE, [{}])),
    );
    const { id } = await a.openai.responses.create(CREATE);
    const [tokens] = await a.used();
    expect(tokens).toBeGreaterThan(100);
    expect(await b.budget.reservations()).toMatchObject([
      { key: 'team', endpoint: '/responses', model: 'gpt-4o', usage: { completionTokens: 100 } },
    ]);
    await b.openai.responses.retrieve(id);
    expect((await b.used())[0]).toBe(tokens);
    const whole = await b.openai.responses.retrieve(id);
    expect(whole.status).toBe('completed');
    const used = [50, 50, 1, (20 * 2.5 + 30 * 10) / 1e6];
    expect(await b.used()).toEqual(used);
    expect(await b.budget.reservations()).toEqual([]);
    await a.openai.responses.retrieve(id);
    await b.openai.responses.retrieve(id);
    await a.budget.flush();
    expect(await b.used()).toEqual(used);
    expect(b.settled).toMatchObject([
      { key: 'team', model: 'gpt-4o', source: 'reported', usage: { promptTokens: 20, completionTokens: 30 } },
    ]);
    expect(a.settled).toEqual([]);
  });

  test('that failed before it put anything out is refunded; one that did keeps its estimate', async () => {
    const { a, b } = setUp(
      json(response('queued')),
      json(response('failed', null, [{}])),
      json(response('failed')),
    );
    await a.openai.responses.create(CREATE);
    const [tokens] = await a.used();
    await b.openai.responses.retrieve('resp_1');
    expect((await b.used())[0]).toBe(tokens);
    await b.openai.responses.retrieve('resp_1');
    expect(await b.used()).toEqual([0, 0, 0, 0]);
    expect(b.settled).toMatchObject([['refunded', expect.any(String)]]);
  });

  test('that is cancelled is settled to what the cancel reports', async () => {
    const { a, b, requests } = setUp(json(response('queued')), json(response('cancelled', USAGE)));
    await a.openai.responses.create(CREATE);
    await b.openai.responses.cancel('resp_1');
    expect((await b.used())[0]).toBe(50);
    expect(requests.at(-1)?.url).toMatch(/\/responses\/resp_1\/cancel$/);
  });

  test('that is over at once is settled at once', async () => {
    const { a } = setUp(json(response('completed', USAGE)));
    await a.openai.responses.create(CREATE);
    expect((await a.used())[0]).toBe(50);
    expect(await a.budget.reservations()).toEqual([]);
  });

  const created = { type: 'response.created', response: response('in_progress') };
  const delta = { type: 'response.output_text.delta', item_id: 'm', delta: 'Hm' };
  const completed = { type: 'response.completed', response: response('completed', USAGE, [{}]) };

  test('whose stream is cut goes on, and is settled by the stream that takes it up', async () => {
    const { a, b } = setUp(
      eventStream([created, delta], new Error('connection lost')),
      eventStream([delta, completed]),
    );
    await expect(async () => {
      for await (const _ of await a.openai.responses.create({ ...CREATE, stream: true }));
    }).rejects.toThrow('connection lost');
    expect((await a.used())[0]).toBeGreaterThan(100);
    const rest = await b.openai.responses.retrieve('resp_1', { stream: true, starting_after: 1 });
    for await (const _ of rest);
    expect((await b.used())[0]).toBe(50);
  });

  test('whose own stream reports the usage is settled by that alone', async () => {
    const { a, b } = setUp(eventStream([created, completed]), json(response('completed', USAGE, [{}])));
    for await (const _ of await a.openai.responses.create({ ...CREATE, stream: true }));
    expect((await a.used())[0]).toBe(50);
    await b.openai.responses.retrieve('resp_1');
    expect((await b.used())[0]).toBe(50);
    expect(a.settled).toHaveLength(1);
    expect(b.settled).toEqual([]);
  });

  test('is settled when the store is back, if it was away at the retrieve', async () => {
    const { a, b, store } = setUp(json(response('queued')), json(response('completed', USAGE)));
    await a.openai.responses.create(CREATE);
    await a.budget.flush();
    store.failure = new Error('away');
    await b.openai.responses.retrieve('resp_1');
    store.failure = undefined;
    expect((await b.used())[0]).toBe(50);
  });

  test('is settled by whatever takes a fetch, under a budget that lets nothing ungoverned pass', async () => {
    const { a, b, store } = setUp(json(response('queued')), json(response('completed', USAGE)));
    await a.openai.responses.create(CREATE);
    await a.budget.flush();
    const strict = new Budget({
      clock: new ManualClock().read,
      store,
      key: 'team',
      limits: [{ tokens: 1_000, per: 'minute' }],
      ungoverned: 'reject',
    });
    const got = await governFetch(b.fetch, strict)('https://api.openai.com/v1/responses/resp_1');
    expect(await got.json()).toMatchObject({ status: 'completed' });
    await strict.flush();
    expect(await strict.usage()).toMatchObject([{ used: 50 }]);
    const client = new GovernedOpenAI({ apiKey: 'test', fetch: b.fetch, budget: strict });
    await client.responses.retrieve('resp_1');
    await expect(client.responses.inputItems.list('resp_1')).rejects.toThrow('not governed');
  });

  test('of no background is none of our business', async () => {
    const plain = { ...response('completed', USAGE), background: false };
    const { b, store } = setUp(json(plain));
    expect(await b.openai.responses.retrieve('resp_1')).toMatchObject(plain);
    await b.budget.flush();
    expect(store.asked).toEqual([]);
  });
});

describe('the counting rules of its limits', () => {
  test.each<[string, Partial<Limit>, number]>([
    ['a weight', { weight: { 'gpt-4*': 3 } }, 150],
    ['a count of its own', { count: () => 7 }, 7],
    ['a condition that holds', { countIf: ({ status }) => status === 200 }, 50],
    ['a condition that does not', { countIf: () => false }, 0],
    ['a condition that does not, and a count', { count: () => 7, countIf: () => false }, 0],
  ])('%s holds whichever worker settles it', async (_case, rule, used) => {
    const store = new RemoteStore();
    const { fetch } = mockUpstream(json(response('queued')), json(response('completed', USAGE, [{}])));
    const worker = () => {
      const limits = [{ tokens: 1_000, per: 'day', ...rule } as Limit];
      const budget = new Budget({ store, clock: new ManualClock().read, limits });
      return { budget, openai: new GovernedOpenAI({ apiKey: 'test', fetch, maxRetries: 0, budget }) };
    };
    const [a, b] = [worker(), worker()];
    await a.openai.responses.create(CREATE);
    await a.budget.flush();
    await b.openai.responses.retrieve('resp_1');
    await b.budget.flush();
    expect((await b.budget.usage())[0]?.used).toBe(used);
  });
});
