import { describe, expect, test } from 'vitest';
import { Budget, type BudgetOptions, GovernedOpenAI, governFetch, QuotaExceeded } from '../../src/index.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { failure, HELLO } from '../policies/support.ts';
import { ManualClock } from '../support/clock.ts';
import { RemoteStore } from '../support/stores.ts';
import { type Answer, chatCompletion, chatUsage, json, mockUpstream } from '../support/upstream.ts';

const MINUTE = 60_000;

/** The headers of an account of 100 requests and 10,000 tokens a minute, of which so much is used. */
function rates(requests: number, tokens: number, of = { requests: 100, tokens: 10_000 }) {
  return {
    'x-ratelimit-limit-requests': String(of.requests),
    'x-ratelimit-remaining-requests': String(of.requests - requests),
    'x-ratelimit-reset-requests': `${Math.floor((requests / of.requests) * MINUTE)}ms`,
    'x-ratelimit-limit-tokens': String(of.tokens),
    'x-ratelimit-remaining-tokens': String(of.tokens - tokens),
    'x-ratelimit-reset-tokens': `${Math.floor((tokens / of.tokens) * MINUTE)}ms`,
  };
}

const BODY = chatCompletion(chatUsage(10, 10));
const answer = (headers: Record<string, string> = rates(1, 10)) => json(BODY, { headers });

const refusal = (headers: Record<string, string>, code = 'rate_limit_exceeded') =>
  json({ error: { message: 'no', type: 'tokens', param: null, code } }, { status: 429, headers });

/** An answer that is given when it is told to. */
function held(headers?: Record<string, string>) {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { answer: async () => promise.then(answer(headers)), give: resolve };
}

function setUp(options: BudgetOptions, ...answers: Answer[]) {
  const clock = new ManualClock();
  const budget = new Budget({ clock: clock.read, upstream: 'observe', maxWait: 0, ...options });
  const upstream = mockUpstream(...answers);
  const openai = new GovernedOpenAI({ apiKey: 'sk-secret', fetch: upstream.fetch, budget, maxRetries: 0 });
  const call = (signal?: AbortSignal) => openai.chat.completions.create(HELLO, { signal });
  /** Of the API's limits: used, and what fits at once. */
  const known = async () => {
    const usage = await budget.usage();
    return usage.map(({ limit, key, max, used, remaining }) => ({
      limit,
      key,
      max,
      used,
      fits: used + remaining,
    }));
  };
  return { clock, budget, openai, call, known, ...upstream };
}

/** All that follows from an answer, off the path of its call. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the limits of the API', () => {
  test('are those of a call once the first answer has told them, and are counted from it on', async () => {
    const { call, known } = setUp({}, answer());
    expect(await known()).toEqual([]);
    await call();
    await settled();
    expect(await known()).toEqual([
      { limit: 'upstream requests', key: HELLO.model, max: 100, used: 1, fits: 95 },
      // Little is known of how the API counts tokens.
      { limit: 'upstream tokens', key: HELLO.model, max: 10_000, used: 10, fits: 1_010 },
    ]);
    await call();
    expect((await known()).map(({ used }) => used)).toEqual([2, 20]);
  });

  test('name themselves when they refuse', async () => {
    const { call } = setUp({}, answer(rates(95, 10)));
    await call();
    await settled();
    const error = await failure(call());
    expect(error).toBeInstanceOf(QuotaExceeded);
    expect(error).toMatchObject({ limit: 'upstream requests', max: 100, reason: 'rate', retryAfterMs: 600 });
  });

  test('hold calls back, and let them go when they fit', async () => {
    const { call, clock } = setUp({ maxWait: 10_000 }, answer(rates(95, 10)));
    await call();
    await settled();
    const waiting = call();
    clock.advance(601);
    expect((await waiting).id).toBe('chatcmpl-1');
  });

  test('count a call that the API refused, or that failed, but none that was not sent', async () => {
    const unreachable = new TypeError('fetch failed', {
      cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
    });
    const { call, known } = setUp({}, answer(), json({}, { status: 500 }), unreachable);
    await call();
    await failure(call());
    expect((await known()).map(({ used }) => used)).toEqual([2, 20]);
    await failure(call());
    expect((await known()).map(({ used }) => used)).toEqual([2, 20]);
  });

  test('may be of a day', async () => {
    const { call, budget } = setUp(
      {},
      answer({
        'x-ratelimit-limit-requests': '10000',
        'x-ratelimit-remaining-requests': '9999',
        'x-ratelimit-reset-requests': '8.64s',
      }),
    );
    await call();
    await settled();
    const [limit] = await budget.usage();
    expect(limit).toMatchObject({ limit: 'upstream requests', max: 10_000, used: 1 });
    expect((limit?.resetAt?.getTime() ?? 0) - budgetStart).toBe(8_640);
  });

  test('change when the API says so', async () => {
    const larger = rates(2, 20, { requests: 1_000, tokens: 90_000 });
    const { call, known } = setUp({}, answer(), answer(larger));
    await call();
    await call();
    await settled();
    expect((await known()).map(({ max, fits }) => [max, Math.round(fits)])).toEqual([
      [1_000, 950],
      [90_000, 12_748],
    ]);
  });

  test('are none where the API tells none, or none any more', async () => {
    const { call, known, requests } = setUp({}, answer({}), answer(rates(95, 10)), answer({}));
    await call();
    expect(await known()).toEqual([]);
    await call();
    await settled();
    expect(await failure(call())).toBeInstanceOf(QuotaExceeded);
    expect(requests).toHaveLength(2);
    expect(await known()).toHaveLength(2);
  });

  test('a call that is larger than ever fits at once is for the API to refuse', async () => {
    const { openai, call, requests, clock } = setUp({}, answer());
    await call();
    await settled();
    clock.advance(MINUTE);
    const content = 'word '.repeat(20_000);
    await openai.chat.completions.create({ ...HELLO, messages: [{ role: 'user', content }] });
    expect(requests).toHaveLength(2);
  });

  test('hold beside those of the budget, all or nothing', async () => {
    const { call, known } = setUp({ limits: [{ requests: 1, per: 'minute' }] }, answer());
    await call();
    await settled();
    expect(await failure(call())).toMatchObject({ limit: 'requests per minute' });
    expect((await known()).map(({ used }) => used)).toEqual([1, 1, 10]);
  });
});

const budgetStart = new ManualClock().now;

describe('before anything is known', () => {
  test('one call goes ahead, and the others wait for the head of its answer', async () => {
    const first = held(rates(95, 10));
    const { call, requests } = setUp({ maxWait: 60_000 }, first.answer, answer(rates(95, 10)));
    const calls = [call(), call()];
    await settled();
    expect(requests).toHaveLength(1);
    first.give();
    await calls[0];
    // By now it is known that the second does not fit.
    await settled();
    expect(requests).toHaveLength(1);
    calls[1]?.catch(() => undefined);
  });

  test('one that fails is followed by the next', async () => {
    const { call, requests } = setUp({ maxWait: 60_000 }, new TypeError('fetch failed'), answer(), answer());
    const [first, second, third] = await Promise.allSettled([call(), call(), call()]);
    expect([first?.status, second?.status, third?.status]).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(requests).toHaveLength(3);
  });

  test('one that its own budget refuses is followed by the next', async () => {
    const { call, budget } = setUp({ maxWait: 60_000, limits: [{ requests: 1, per: 'minute' }] }, answer());
    const work = await budget.reserve({ usage: { requests: 1 } });
    expect(await failure(call())).toBeInstanceOf(QuotaExceeded);
    work.refund();
    expect((await call()).id).toBe('chatcmpl-1');
  });

  test('a call that waits leaves when it is aborted', async () => {
    const first = held();
    const { call, requests } = setUp({ maxWait: 60_000 }, first.answer);
    const ahead = call();
    const leaving = new AbortController();
    const behind = call(leaving.signal);
    await settled();
    leaving.abort();
    expect((await failure(behind)).name).toBe('Error');
    first.give();
    await ahead;
    expect(requests).toHaveLength(1);
  });

  test('what another worker has noted is known at once', async () => {
    const store = new MemoryStore();
    const one = setUp({ store }, answer(rates(95, 10)));
    await one.call();
    await settled();
    const other = setUp({ store }, answer());
    expect(await failure(other.call())).toMatchObject({ limit: 'upstream requests' });
    expect(other.requests).toHaveLength(0);
  });

  test('a note that is none is no harm', async () => {
    const store = new MemoryStore();
    for (const text of ['', '{', '[]', '{"requests":{"max":-1,"periodMs":0}}', '{"tokens":7}']) {
      store.note(`upstream:${HELLO.model}`, text, budgetStart);
      const { call, known } = setUp({ store }, answer());
      await call();
      await settled();
      expect((await known()).map(({ max }) => max)).toEqual([100, 10_000]);
    }
  });
});

describe('a 429 of the API all the same', () => {
  test('holds all workers back as long as it says', async () => {
    const store = new MemoryStore();
    const pause = { 'retry-after': '20', 'retry-after-ms': '20000' };
    const one = setUp({ store }, answer(), refusal({ ...rates(50, 9_995), ...pause }), answer());
    const other = setUp({ store }, answer());
    await one.call();
    await settled();
    await other.call();
    one.clock.advance(100);
    expect((await failure(one.call())).constructor.name).toBe('RateLimitError');
    await settled();
    for (const worker of [one, other]) {
      worker.clock.now = budgetStart + 20_099;
      expect(await failure(worker.call())).toMatchObject({
        retryAfterMs: expect.toSatisfy((ms: number) => ms >= 1),
      });
    }
    for (const worker of [one, other]) {
      worker.clock.now = budgetStart + 24_000;
      expect((await worker.call()).id).toBe('chatcmpl-1');
    }
  });

  test.each([
    ['a quota that is spent', refusal({}, 'insufficient_quota')],
    ['a request that is too large', refusal(rates(2, 20))],
  ])('%s is no matter of time: nobody is held back', async (_case, refused) => {
    const { call, requests } = setUp({}, answer(), refused, answer(rates(3, 30)));
    await call();
    await failure(call());
    await settled();
    await call();
    expect(requests).toHaveLength(3);
  });
});

describe('what others use', () => {
  test('is counted as soon as the API shows it', async () => {
    const { call, known, clock } = setUp({}, answer(), answer(rates(60, 5_000)));
    await call();
    await settled();
    clock.advance(100);
    await call();
    await settled();
    const [requests] = await known();
    expect(requests?.used).toBeGreaterThanOrEqual(59);
  });

  test('a difference is taken away once, however many workers see it', async () => {
    const store = new MemoryStore();
    const workers = Array.from({ length: 4 }, () => setUp({ store }, answer(), answer(rates(40, 100))));
    for (const { call } of workers) await call();
    await settled();
    for (const { clock } of workers) clock.advance(100);
    await Promise.all(workers.map(({ call }) => call()));
    await settled();
    const [requests] = (await workers[0]?.known()) ?? [];
    expect(requests?.used).toBeLessThanOrEqual(48);
    expect(requests?.used).toBeGreaterThanOrEqual(36);
  });
});

describe('the store', () => {
  test('is asked once for an admission, whatever the limits', async () => {
    const store = new RemoteStore();
    store.clock = new ManualClock().read;
    const { call } = setUp(
      { store, limits: [{ requests: 9, per: 'minute' }] },
      answer(),
      answer(rates(2, 20)),
    );
    await call();
    await settled();
    store.asked.length = 0;
    const response = call();
    await response.asResponse();
    expect(store.asked.filter((operation) => operation === 'admit')).toHaveLength(1);
  });

  test('holds no key of the API', async () => {
    const notes: string[] = [];
    const store = new MemoryStore();
    const note = store.note.bind(store);
    store.note = (name, text, now) => {
      notes.push(name, text);
      note(name, text, now);
    };
    const { call } = setUp({ store }, answer());
    await call();
    await settled();
    expect(notes).toContain(`upstream:${HELLO.model}`);
    expect(notes.join()).not.toContain('sk-secret');
  });

  test('that is away is told of, and delays nothing', async () => {
    const store = new RemoteStore();
    const { call, budget, known } = setUp({ store, onStoreError: 'allow' }, answer());
    const errors: string[] = [];
    budget.on('storeError', ({ operation }) => errors.push(operation));
    await call();
    await settled();
    store.failure = new Error('away');
    await call();
    await settled();
    store.failure = undefined;
    expect(errors).toContain('admit');
    expect(await known()).toHaveLength(2);
  });
});

test('governFetch observes too', async () => {
  const budget = new Budget({ upstream: 'observe' });
  const { fetch } = mockUpstream(answer());
  const body = JSON.stringify(HELLO);
  await governFetch(fetch, budget)('http://api/v1/chat/completions', { method: 'POST', body });
  await settled();
  expect((await budget.usage()).map(({ limit }) => limit)).toEqual(['upstream requests', 'upstream tokens']);
});

test('without the option nothing is learned, noted or held back', async () => {
  const store = new RemoteStore();
  const { call, known, requests } = setUp({ store, upstream: undefined }, answer(rates(100, 10_000)));
  await Promise.all([call(), call(), call()]);
  await settled();
  expect(requests).toHaveLength(3);
  expect(store.asked).toEqual([]);
  expect(await known()).toEqual([]);
});
