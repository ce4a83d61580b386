import { describe, expect, test } from 'vitest';
import { type Limit, type Outcome, QuotaExceeded } from '../../src/index.ts';
import { RemoteStore } from '../support/stores.ts';
import {
  type Answer,
  chatChunks,
  chatCompletion,
  chatUsage,
  eventStream,
  json,
} from '../support/upstream.ts';
import { failure, HELLO, setUp } from './support.ts';

const IMAGE = { model: 'gpt-image-1', prompt: 'a cat' };
const IMAGES = json({
  created: 1,
  data: [{ b64_json: '' }],
  usage: { input_tokens: 5, output_tokens: 100, total_tokens: 105 },
});
const FAILED = json(
  { error: { message: 'no', type: 'server_error', param: null, code: null } },
  { status: 500 },
);
const REFUSED = json(
  { error: { message: 'no', type: 'invalid_request_error', param: null, code: null } },
  { status: 400 },
);
const RESET = Object.assign(new TypeError('fetch failed'), {
  cause: Object.assign(new Error(), { code: 'ECONNRESET' }),
});

describe('what a call counts', () => {
  test.each<[string, Limit, number]>([
    ['its usage', { tokens: 1_000, per: 'day' }, 20],
    ['a weight for its model', { tokens: 1_000, per: 'day', weight: { 'gpt-4*': 10 } }, 200],
    [
      'the longest pattern that matches',
      { tokens: 1_000, per: 'day', weight: { '*': 3, 'gpt-4o-mini': 0.5, 'gpt-4o*': 10 } },
      10,
    ],
    ['one where no pattern matches', { tokens: 1_000, per: 'day', weight: { 'o3*': 10 } }, 20],
    ['requests by weight', { requests: 1_000, per: 'day', weight: { 'gpt-4*': 7 } }, 7],
    [
      'a function of the call',
      { requests: 1_000, per: 'day', count: ({ body }) => Number(body['max_tokens']) },
      10,
    ],
    ['whole units', { tokens: 1_000, per: 'day', weight: { '*': 0.33 } }, 7],
    ['a function that counts nothing', { tokens: 1_000, per: 'day', count: () => 0 }, 0],
  ])('%s', async (_case, limit, used) => {
    const { openai, budget } = setUp({ limits: [limit] });
    const reserved: number[] = [];
    budget.on('admitted', ({ limits }) => reserved.push(...limits.map((state) => state.used)));
    await openai.chat.completions.create(HELLO);
    await budget.flush();
    expect((await budget.usage())[0]?.used).toBe(used);
    expect(reserved).toEqual(used === 0 ? [] : [used]);
  });

  test('dollars by weight', async () => {
    const prices = { [HELLO.model]: { input: 100, output: 100 } };
    const { openai, budget } = setUp({ prices, limits: [{ cost: 1, per: 'day', weight: { '*': 1.5 } }] });
    await openai.chat.completions.create(HELLO);
    expect((await budget.usage())[0]?.used).toBe(0.003);
  });

  test('a weighted limit is exact, and what a stream used takes the place of what was reserved', async () => {
    const chunks = chatChunks(['Hello'], chatUsage(10, 5));
    const { openai, budget } = setUp(
      { limits: [{ tokens: 350, per: 'day', weight: { 'gpt-4*': 10 } }] },
      eventStream(chunks),
    );
    const call = async () => {
      for await (const _ of await openai.chat.completions.create({ ...HELLO, stream: true }));
    };
    await call();
    expect((await budget.usage())[0]?.used).toBe(150);
    await call();
    expect(await failure(call())).toMatchObject({ requested: 200, used: 300, max: 350 });
  });

  test('what a weight makes of tokens is whole, so that what is denied is what is told', async () => {
    const { budget } = setUp({ limits: [{ tokens: 10, per: 'day', weight: { '*': 0.33 } }] });
    const reserve = () => budget.reserve({ usage: { promptTokens: 20 } });
    await reserve();
    expect(await failure(reserve())).toMatchObject({ used: 7, requested: 7, remaining: 3 });
  });

  test('a weight bounds what fitToBudget lets a call say', async () => {
    const { openai, requests } = setUp({
      fitToBudget: { min: 1 },
      limits: [{ tokens: 155, per: 'day', weight: { 'gpt-4*': 10 } }],
    });
    await openai.chat.completions.create(HELLO);
    expect(requests[0]?.body).toMatchObject({ max_tokens: 5 });
  });

  test('n of images, by a limit on requests', async () => {
    const limit: Limit = { requests: 5, per: 'day', count: ({ body }) => Number(body['n'] ?? 1) };
    const { openai, budget } = setUp({ limits: [limit] }, IMAGES);
    await openai.images.generate({ ...IMAGE, n: 3 });
    const error = await failure(openai.images.generate({ ...IMAGE, n: 3 }));
    expect(error).toMatchObject({ requested: 3, remaining: 2, unit: 'requests' });
    await openai.images.generate({ ...IMAGE, n: 2 });
    expect((await budget.usage())[0]?.used).toBe(5);
  });

  test.each([Number.NaN, -1, Infinity, '3', undefined])(
    'a function that counts %s is an error, and nothing is sent',
    async (count) => {
      const { openai, requests } = setUp({
        limits: [{ requests: 5, per: 'day', count: () => count as number }],
      });
      await expect(openai.chat.completions.create(HELLO)).rejects.toThrow(
        'count(call) of limit requests per day: expected a finite number >= 0',
      );
      expect(requests).toEqual([]);
    },
  );
});

describe('whether an attempt counts', () => {
  const success = ({ status = 0 }: Outcome) => status >= 200 && status < 300;
  const always = () => true;
  const never = () => false;
  test.each<[string, Answer, Limit['countIf'], [requests: number, tokens: number]]>([
    ['default: a success', json(chatCompletion(chatUsage(11, 3))), undefined, [1, 14]],
    ['default: a 400', REFUSED, undefined, [0, 0]],
    ['default: a 500', FAILED, undefined, [0, 0]],
    ['default: a connection lost after sending', RESET, undefined, [1, 20]],
    ['success: a success', json(chatCompletion(chatUsage(11, 3))), success, [1, 14]],
    ['success: a 500', FAILED, success, [0, 0]],
    ['success: a connection lost after sending', RESET, success, [0, 0]],
    ['always: a success', json(chatCompletion(chatUsage(11, 3))), always, [1, 14]],
    ['always: a 400 keeps what was reserved', REFUSED, always, [1, 20]],
    ['never: a success', json(chatCompletion(chatUsage(11, 3))), never, [0, 0]],
  ])('%s', async (_case, answer, countIf, used) => {
    const limits: Limit[] = [
      { requests: 10, per: 'day', ...(countIf && { countIf }) },
      { tokens: 1_000, per: 'day', ...(countIf && { countIf }) },
    ];
    const { openai, budget } = setUp({ limits }, answer);
    await Promise.allSettled([openai.chat.completions.create(HELLO)]);
    await budget.flush();
    expect((await budget.usage()).map((state) => state.used)).toEqual(used);
    expect(await budget.reservations()).toEqual([]);
  });

  test('is asked once of each attempt, whatever tells of it', async () => {
    const outcomes: Outcome[] = [];
    const countIf = (outcome: Outcome) => outcomes.push(outcome) > 0;
    const { openai, budget } = setUp({
      headers: { remainingRequests: 'x-left' },
      limits: [{ requests: 9, per: 'day', countIf }],
    });
    budget.on('settled', () => undefined);
    await openai.chat.completions.create(HELLO);
    expect(outcomes).toMatchObject([{ status: 200 }]);
  });

  test('what was never sent is no attempt: aborted, not to be built, not certainly admitted', async () => {
    const store = new RemoteStore();
    const limits: Limit[] = [{ requests: 9, per: 'day', countIf: always }];
    const { openai, budget, clock, requests } = setUp({ store, limits });
    const lost = new Error('the answer is lost');
    store.losesAnswers = true;
    store.failure = lost;
    await expect(openai.chat.completions.create(HELLO)).rejects.toMatchObject({ cause: lost });
    store.failure = undefined;
    clock.advance(1_000);
    const controller = new AbortController();
    budget.on('admitted', () => controller.abort());
    await expect(openai.chat.completions.create(HELLO, { signal: controller.signal })).rejects.toThrow(
      'aborted',
    );
    await expect(openai.chat.completions.create(HELLO, { headers: { 'a b': '' } })).rejects.toThrow(
      TypeError,
    );
    await budget.flush();
    expect([requests, (await budget.usage())[0]?.used]).toEqual([[], 0]);
  });

  test('each limit by its own condition, told the status and the usage', async () => {
    const outcomes: Outcome[] = [];
    const note = (outcome: Outcome) => outcomes.push(outcome) > 0;
    const { openai, budget } = setUp(
      {
        limits: [
          { requests: 9, per: 'day', countIf: note },
          { requests: 9, per: 'month' },
        ],
      },
      REFUSED,
    );
    await Promise.allSettled([openai.chat.completions.create(HELLO)]);
    expect(outcomes[0]).toMatchObject({ status: 400, usage: undefined });
    expect((await budget.usage()).map(({ used }) => used)).toEqual([1, 0]);
  });

  test('one that throws surfaces, and the limit counts as if it had none', async () => {
    const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
    const { openai, budget } = setUp({
      limits: [
        {
          requests: 9,
          per: 'day',
          countIf: () => {
            throw new Error('from the app');
          },
        },
      ],
    });
    await openai.chat.completions.create(HELLO);
    expect(await thrown).toMatchObject({ message: 'from the app' });
    expect((await budget.usage())[0]?.used).toBe(1);
  });
});

describe('several counter keys for one call', () => {
  const limits: Limit[] = [
    { tokens: 100, per: 'day', name: 'user' },
    { tokens: 150, per: 'day', name: 'team', key: ({ caller }) => caller.attributes?.['team'] },
    { tokens: 1_000, per: 'day', name: 'organisation', key: 'acme' },
  ];

  test('all of them, or none', async () => {
    const { openai, budget } = setUp({ limits });
    const call = (key: string, tokens: number) =>
      openai
        .withCaller({ key, attributes: { team: 'search' } })
        .chat.completions.create({ ...HELLO, max_tokens: tokens });
    const used = async () =>
      (await Promise.all(['ann', 'bob', 'search'].map((key) => budget.usage(key)))).map((states) =>
        states.map((state) => state.used),
      );
    await call('ann', 80);
    await call('bob', 70);
    const before = await used();
    const error = await failure(call('bob', 90));
    expect(error).toBeInstanceOf(QuotaExceeded);
    expect(error).toMatchObject({ limit: 'user', key: 'bob' });
    expect(await used()).toEqual(before);
    expect(before).toEqual([
      [20, 0, 40],
      [20, 0, 40],
      [0, 40, 40],
    ]);
  });

  test('a denial by the team leaves the user as it was', async () => {
    const { budget } = setUp({ limits });
    const reserve = (key: string, promptTokens: number) =>
      budget.reserve({ key, attributes: { team: 'search' }, usage: { promptTokens } });
    await reserve('ann', 100);
    await expect(reserve('bob', 60)).rejects.toMatchObject({
      limit: 'team',
      key: 'search',
      used: 100,
      requested: 60,
    });
    expect((await budget.usage('bob')).map(({ used }) => used)).toEqual([0, 0, 100]);
    await reserve('bob', 50);
  });
});

test('limits for some models, endpoints and calls only', async () => {
  const limits: Limit[] = [
    { requests: 1, per: 'day', models: 'gpt-4o*' },
    { requests: 2, per: 'day', endpoints: '/embeddings' },
    { requests: 1, per: 'day', name: 'sampled', when: ({ body }) => body['temperature'] === 1 },
  ];
  const { budget } = setUp({ limits });
  const fits = async (model: string, endpoint: string) => {
    const reserved = budget.reserve({ model, endpoint, usage: { requests: 1 } });
    return reserved.then(
      () => true,
      () => false,
    );
  };
  expect(await fits('gpt-4o-mini', '/chat/completions')).toBe(true);
  expect(await fits('gpt-4o', '/chat/completions')).toBe(false);
  expect(await fits('o3', '/chat/completions')).toBe(true);
  expect([
    await fits('e', '/embeddings'),
    await fits('e', '/embeddings'),
    await fits('e', '/embeddings'),
  ]).toEqual([true, true, false]);
  const hot = await budget.explain('/chat/completions', { ...HELLO, model: 'o3', temperature: 1 });
  const cold = await budget.explain('/chat/completions', { ...HELLO, model: 'o3', temperature: 0 });
  expect([hot.limits.map(({ limit }) => limit), cold.limits]).toEqual([['sampled'], []]);
});

test.each<[string, object, string]>([
  ['weight', { weight: 3 }, 'an object'],
  ['weight["gpt-4o"]', { weight: { 'gpt-4o': 0 } }, 'a finite number > 0'],
  ['count', { count: 3 }, 'a function'],
  ['countIf', { countIf: true }, 'a function'],
  ['when', { when: 'always' }, 'a function'],
  ['headers', { headers: { remainning: 'x' } }, 'did you mean remaining?'],
  ['headers.remaining', { headers: { remaining: 'x y' } }, 'the name of an HTTP header'],
  ['headers.retryAfter', { headers: { retryAfter: '' } }, 'the name of an HTTP header'],
])('a wrong option is refused: %s', (option, part, message) => {
  const build = () => setUp({ limits: [{ requests: 1, per: 'day', ...part } as Limit] });
  expect(build).toThrow(`budget.limits[0].${option}: expected`);
  expect(build).toThrow(message);
});
