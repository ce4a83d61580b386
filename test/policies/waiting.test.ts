import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { APIUserAbortError } from 'openai';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Budget, type BudgetOptions, GovernedOpenAI, governFetch, QuotaExceeded } from '../../src/index.ts';
import { type Answer, chatCompletion, chatUsage, json, mockUpstream } from '../support/upstream.ts';
import { failure, HELLO } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 21, 9) });
});
afterEach(async () => {
  await vi.advanceTimersByTimeAsync(50);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const ANSWER = json(chatCompletion(chatUsage(10, 10)));

/** A client whose budget counts by the clock of the fake timers. */
async function setUp(options: BudgetOptions, ...answers: Answer[]) {
  const budget = new Budget({ onExceeded: 'wait', ...options });
  const upstream = mockUpstream(...(answers.length > 0 ? answers : [ANSWER]));
  const client = { apiKey: 'sk-test', fetch: upstream.fetch, budget, maxRetries: 0, timeout: 100 };
  await budget.ready();
  const openai = new GovernedOpenAI(client);
  const start = Date.now();
  /** A call, and when it ended. */
  const call = (caller: Parameters<typeof openai.withCaller>[0] = {}, options: object = {}) =>
    openai
      .withCaller(caller)
      .chat.completions.create(HELLO, options)
      .then(() => Date.now() - start);
  return { budget, openai, call, ...upstream };
}

describe("a limit with onExceeded: 'wait'", () => {
  test('holds calls back until they fit, in the order they came', async () => {
    const { call, budget } = await setUp({ limits: [{ requests: 2, per: 'minute' }] });
    const waited: number[] = [];
    budget.on('admitted', ({ waitedMs }) => waited.push(Math.round(waitedMs / 1_000)));
    const calls = Promise.all([call(), call(), call(), call()]);
    await vi.advanceTimersByTimeAsync(61_000);
    const ends = (await calls).map((ms) => Math.round(ms / 1_000));
    expect(ends).toEqual([0, 0, 30, 60]);
    expect(waited).toEqual(ends);
  });

  test('the wait does not eat the timeout of the SDK', async () => {
    const { call } = await setUp({ limits: [{ requests: 1, per: 'minute' }] });
    await call();
    const second = call({}, { timeout: 50 });
    await vi.advanceTimersByTimeAsync(61_000);
    expect(await second).toBeGreaterThanOrEqual(60_000);
  });

  test('by priority, then arrival', async () => {
    const { call } = await setUp({ limits: [{ requests: 1, per: { seconds: 1 } }] });
    await call();
    const order: number[] = [];
    const calls = [9, 5, 5, 0].map((priority, i) => call({ priority }).then(() => order.push(i)));
    await vi.advanceTimersByTimeAsync(10_000);
    await Promise.all(calls);
    expect(order).toEqual([3, 1, 2, 0]);
  });

  test('never past maxWait, at once where that is known', async () => {
    const { call, budget } = await setUp({ maxWait: 10_000, limits: [{ requests: 1, per: 'minute' }] });
    const denied = vi.fn();
    budget.on('denied', denied);
    await call();
    expect(await failure(call())).toMatchObject({ name: 'QuotaExceeded', retryAfterMs: 60_000 });
    expect(denied).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(50_001);
    const [second, third] = [call(), failure(call())];
    await vi.advanceTimersByTimeAsync(10_000);
    await second;
    expect(await third).toBeInstanceOf(QuotaExceeded);
  });

  test('what can never fit is refused at once, and so is what another limit rejects', async () => {
    const { budget } = await setUp({
      limits: [
        { tokens: 100, per: 'minute' },
        { images: 1, per: 'minute', onExceeded: 'reject' },
      ],
    });
    const reserve = (usage: object) => budget.reserve({ usage });
    await expect(reserve({ tokens: 101 })).rejects.toMatchObject({ reason: 'too_large' });
    await reserve({ tokens: 100, images: 1 });
    await expect(reserve({ tokens: 1, images: 1 })).rejects.toMatchObject({ unit: 'images' });
  });

  test('leaves at once on abort: the SDK by its own error, a fetch by the reason of its signal', async () => {
    const { call, budget, fetch, requests } = await setUp({ limits: [{ requests: 1, per: 'minute' }] });
    await call();
    const controller = new AbortController();
    const waiting = failure(call({}, { signal: controller.signal }));
    const init = { method: 'POST', body: JSON.stringify(HELLO), signal: controller.signal };
    const fetching = failure(governFetch(fetch, budget)('http://localhost/v1/chat/completions', init));
    const reserving = failure(budget.reserve({ usage: { requests: 1 }, signal: controller.signal }));
    await vi.advanceTimersByTimeAsync(1_000);
    controller.abort(new Error('enough'));
    expect(await waiting).toBeInstanceOf(APIUserAbortError);
    expect(await fetching).toMatchObject({ message: 'enough' });
    expect(await reserving).toMatchObject({ message: 'enough' });
    expect(requests).toHaveLength(1);
    expect((await budget.usage())[0]?.used).toBe(1);
  });

  test('work that says so does not wait', async () => {
    const { budget } = await setUp({ limits: [{ requests: 1, per: 'minute' }] });
    const reserve = () => budget.reserve({ usage: { requests: 1 }, wait: false });
    await reserve();
    await expect(reserve()).rejects.toBeInstanceOf(QuotaExceeded);
    await expect(budget.reserve({ usage: {}, wait: 'no' as never })).rejects.toThrow(
      'reserve.wait: expected true or false',
    );
  });

  test('goes on as soon as others give back what they did not use', async () => {
    const { budget } = await setUp({ limits: [{ tokens: 100, per: 'minute' }] });
    const first = await budget.reserve({ usage: { promptTokens: 100 } });
    const second = budget.reserve({ usage: { promptTokens: 50 } });
    await vi.advanceTimersByTimeAsync(1_000);
    first.settle({ promptTokens: 20 });
    await vi.advanceTimersByTimeAsync(100);
    expect((await second).usage.promptTokens).toBe(50);
  });

  test('goes on when the limit is raised', async () => {
    const { budget } = await setUp({ limits: [{ tokens: 100, per: 'day', key: 'all' }], maxWait: 1e8 });
    await budget.reserve({ usage: { promptTokens: 100 } });
    const second = budget.reserve({ usage: { promptTokens: 50 } });
    await vi.advanceTimersByTimeAsync(1_000);
    budget.update({ limits: [{ tokens: 150, per: 'day', key: 'all' }] });
    await vi.advanceTimersByTimeAsync(100);
    await second;
  });

  test('a call whose output can be fitted waits for the least of it, and is bounded by the room there is then', async () => {
    const { budget, openai, requests } = await setUp({
      fitToBudget: { min: 30 },
      maxWait: 1e8,
      limits: [{ tokens: 100, per: 'day' }],
    });
    const first = await budget.reserve({ usage: { promptTokens: 50 } });
    const bounds = (body: object) => openai.chat.completions.create({ ...HELLO, max_tokens: 80, ...body });
    await bounds({});
    const second = bounds({});
    await vi.advanceTimersByTimeAsync(1_000);
    expect(requests.map(({ body }) => Reflect.get(body as object, 'max_tokens'))).toEqual([40]);
    first.refund();
    await vi.advanceTimersByTimeAsync(100);
    await second;
    expect(requests.map(({ body }) => Reflect.get(body as object, 'max_tokens'))).toEqual([40, 70]);
  });

  test('one key does not wait for another', async () => {
    const { call } = await setUp({ limits: [{ requests: 1, per: 'minute' }] });
    await call({ key: 'ann' });
    const waiting = call({ key: 'ann' });
    expect(await call({ key: 'bob' })).toBe(0);
    await vi.advanceTimersByTimeAsync(61_000);
    await waiting;
  });

  test('of a retry of the SDK too', async () => {
    const failed = json({ error: { message: 'busy' } }, { status: 500, headers: { 'retry-after-ms': '1' } });
    const { call, requests } = await setUp(
      { limits: [{ requests: 1, per: 'minute', countIf: () => true }] },
      failed,
      ANSWER,
    );
    const done = call({}, { maxRetries: 1 });
    await vi.advanceTimersByTimeAsync(61_000);
    expect(await done).toBeGreaterThanOrEqual(60_000);
    expect(requests).toHaveLength(2);
  });
});

describe('slots', () => {
  /** An upstream that answers when it is told to. */
  function held() {
    const open: (() => void)[] = [];
    const answer = () => new Promise<Response>((resolve) => open.push(() => resolve(ANSWER())));
    return { answer, open };
  }

  test('so many calls at once, and no more: the next starts when one has ended', async () => {
    const { answer, open } = held();
    const { call, requests } = await setUp({ maxConcurrent: 2 }, answer as unknown as Answer);
    const calls = [call(), call(), call()];
    await vi.advanceTimersByTimeAsync(10);
    expect(requests).toHaveLength(2);
    open[0]?.();
    await vi.advanceTimersByTimeAsync(30);
    expect(requests).toHaveLength(3);
    for (const end of open) end();
    await Promise.all(calls);
  });

  test.each<[string, Answer]>([
    ['fails', json({ error: { message: 'no' } }, { status: 400 })],
    ['is not connected', new TypeError('fetch failed')],
    ['goes on in the background', json({ id: 'resp_1', status: 'queued', background: true, usage: null })],
  ])('a slot is free again when a call %s', async (_case, answer) => {
    const { openai, requests } = await setUp({ maxConcurrent: 1 }, answer);
    // What is kept is not forgotten: the slot must be given back.
    const kept: unknown[] = [];
    const send = async () => {
      const call = openai.responses.create({ model: 'gpt-4o', input: 'hi', background: true });
      kept.push(await call.withResponse().catch((error: unknown) => error));
    };
    await send();
    await send();
    expect(requests).toHaveLength(2);
    expect(kept).toHaveLength(2);
  });

  test('no longer than maxWait, and no more in line than maxQueued', async () => {
    const { answer, open } = held();
    const { call, budget } = await setUp(
      { maxConcurrent: 1, maxQueued: 1, maxWait: 1_000 },
      answer as unknown as Answer,
    );
    const denied: string[] = [];
    budget.on('denied', ({ error }) => denied.push(error.limit));
    const first = call();
    await vi.advanceTimersByTimeAsync(1);
    const second = failure(call());
    await vi.advanceTimersByTimeAsync(1);
    expect(await failure(call())).toMatchObject({ limit: 'concurrent calls', max: 1, used: 1, status: 429 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await second).toBeInstanceOf(QuotaExceeded);
    expect(denied).toEqual(['concurrent calls', 'concurrent calls']);
    for (const end of open) end();
    await first;
  });

  test('so much time from start to start', async () => {
    const { call } = await setUp({ minTime: 250 });
    const calls = Promise.all([call(), call(), call()]);
    await vi.advanceTimersByTimeAsync(1_000);
    const [first = 0, second = 0, third = 0] = await calls;
    expect(first).toBe(0);
    expect(second - first).toBeGreaterThanOrEqual(250);
    expect(third - second).toBeGreaterThanOrEqual(250);
  });

  test('a reservation for other work takes none', async () => {
    const { budget, call } = await setUp({ maxConcurrent: 1 });
    await budget.reserve({ usage: { requests: 1 } });
    await budget.reserve({ usage: { requests: 1 } });
    await call();
  });
});

test('a response that nobody reads holds its slot until it is forgotten', async () => {
  vi.useRealTimers();
  const { openai, requests } = await setUp({ maxConcurrent: 1 });
  const ignore = async () => {
    await openai.chat.completions.create(HELLO).asResponse();
  };
  await ignore();
  const second = ignore();
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  while (requests.length < 2) {
    gc();
    await turn();
  }
  await second;
  vi.useFakeTimers();
});
