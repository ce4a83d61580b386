import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDuration, readPause, readRates } from '../../src/upstream/rate-headers.ts';
import { RefillPeriod } from '../../src/upstream/refill-period.ts';
import { ApiAccount } from './api-account.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

describe('a duration', () => {
  test.each([
    ['8.64s', 8_640],
    ['159ms', 159],
    ['0s', 0],
    ['1m0s', 60_000],
    ['6m0s', 360_000],
    ['21m36.001s', 1_296_001],
    ['300h5m2s', 1_080_302_000],
    ['1h', 3_600_000],
    // Azure's are seconds, but of when the window is over, not of when the bucket is full.
    ['60', undefined],
    ['', undefined],
    ['-5s', undefined],
    ['NaN', undefined],
    ['1e9s', undefined],
    ['5s6m', undefined],
    ['9999999h', undefined],
    [null, undefined],
  ])('%s is %s ms', (text, milliseconds) => {
    expect(readDuration(text)).toBe(milliseconds);
  });
});

/** As they are recorded. */
const HEADERS = {
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-remaining-requests': '9999',
  'x-ratelimit-reset-requests': '8.64s',
  'x-ratelimit-limit-tokens': '200000',
  'x-ratelimit-remaining-tokens': '196006',
  'x-ratelimit-reset-tokens': '1.198s',
};

describe('the headers of an answer', () => {
  test("of the API's own", () => {
    expect(readRates(new Headers(HEADERS))).toEqual({
      requests: { max: 10_000, remaining: 9_999, resetMs: 8_640, periodMs: undefined },
      tokens: { max: 200_000, remaining: 196_006, resetMs: 1_198, periodMs: undefined },
    });
  });

  test('of Azure', () => {
    const headers = new Headers({
      'x-ratelimit-limit-tokens': '50000',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '0',
      'x-ratelimit-renewalperiod-tokens': '60',
    });
    expect(readRates(headers)).toEqual({
      requests: undefined,
      tokens: { max: 50_000, remaining: 0, resetMs: undefined, periodMs: 60_000 },
    });
  });

  test.each([
    ['no limit', { 'x-ratelimit-limit-requests': '' }],
    ['a limit of nothing', { 'x-ratelimit-limit-requests': '0', 'x-ratelimit-remaining-requests': '0' }],
    ['a masked limit', { 'x-ratelimit-limit-requests': 'X-RATELIMIT-LIMIT-XXX' }],
    ['a limit that is too large', { 'x-ratelimit-limit-requests': '99999999999999999' }],
    ['a negative remainder', { 'x-ratelimit-remaining-requests': '-1' }],
    ['no number', { 'x-ratelimit-remaining-requests': 'NaN' }],
    ['more left than there is', { 'x-ratelimit-remaining-requests': '10001' }],
  ])('%s is left out', (_case, wrong) => {
    expect(readRates(new Headers({ ...HEADERS, ...wrong }))?.requests).toBeUndefined();
    expect(readRates(new Headers({ ...HEADERS, ...wrong }))?.tokens).toBeDefined();
  });

  test('tell nothing where there are none', () => {
    expect(readRates(new Headers({ 'content-type': 'application/json' }))).toBeUndefined();
  });

  test('whatever they hold, only numbers that can be come of them', () => {
    const text = fc.oneof(fc.string(), fc.double().map(String), fc.constantFrom('0s', '1ms', '1', '5h'));
    const safe = text.map((value) => value.replace(/[^\x20-\x7e]/g, ''));
    fc.assert(
      fc.property(fc.array(safe, { minLength: 6, maxLength: 6 }), (values) => {
        const names = Object.keys(HEADERS);
        const headers = new Headers(names.map((name, i) => [name, values[i] ?? '']));
        const { requests, tokens } = readRates(headers) ?? {};
        for (const reading of [requests, tokens]) {
          if (reading === undefined) continue;
          expect(reading.max).toBeGreaterThanOrEqual(1);
          expect(reading.remaining).toBeGreaterThanOrEqual(0);
          expect(reading.remaining).toBeLessThanOrEqual(reading.max);
          const period = new RefillPeriod();
          period.learn(reading);
          expect(period.ms).toBeGreaterThan(0);
          expect(period.ms).toBeLessThan(Infinity);
        }
      }),
    );
  });
});

describe('the pause that a 429 asks for', () => {
  test.each([
    ['in milliseconds', 429, { 'retry-after': '20', 'retry-after-ms': '19500' }, 19_500],
    ['in seconds', 429, { 'retry-after': '20' }, 20_000],
    ["Azure's, whose milliseconds are 0", 429, { 'retry-after': '1', 'retry-after-ms': '0' }, 1_000],
    ['none: a quota, or a request that is too large', 429, {}, undefined],
    ['another error', 503, { 'retry-after': '20' }, undefined],
    ['a date', 429, { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }, undefined],
    ['too long', 429, { 'retry-after': '86400' }, undefined],
    ['negative', 429, { 'retry-after-ms': '-5' }, undefined],
  ])('%s', (_case, status, headers, pause) => {
    expect(readPause(status, new Headers(headers as Record<string, string>))).toBe(pause);
  });
});

describe('the period in which a bucket fills', () => {
  const learned = (...readings: [max: number, remaining: number, resetMs: number][]) => {
    const period = new RefillPeriod();
    for (const [max, remaining, resetMs] of readings)
      period.learn({ max, remaining, resetMs, periodMs: undefined });
    return period.ms;
  };

  test.each<[string, [number, number, number][], number]>([
    ['a minute', [[500, 499, 120]], MINUTE],
    ['a day', [[10_000, 9_999, 8_640]], DAY],
    ['a minute, of milliseconds cut off', [[50_000, 49_999, 1]], MINUTE],
    ['a minute, of tokens', [[200_000, 196_006, 1_198]], MINUTE],
    ['a minute, of whole requests of which one has half refilled', [[500, 498, 180]], MINUTE],
    ['a minute if nothing is known', [], MINUTE],
    ['a minute if the bucket is full', [[800_000, 800_000, 0]], MINUTE],
    ['a minute if the time is too short', [[2_000_000, 1_999_998, 0]], MINUTE],
    [
      'what a limit that was changed says',
      [
        [500, 499, 120],
        [10_000, 9_999, 8_640],
      ],
      DAY,
    ],
  ])('is %s', (_case, readings, period) => {
    expect(learned(...readings)).toBe(period);
  });

  test('is found, whatever the limit and however it is used', () => {
    const limits = fc.record({
      requests: fc.integer({ min: 1, max: 50_000 }),
      tokens: fc.integer({ min: 1_000, max: 1e8 }),
      periodMs: fc.oneof(fc.constantFrom(MINUTE, DAY), fc.integer({ min: 1_000, max: 1e7 })),
    });
    const gaps = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(limits, gaps, (limits, gaps) => {
        const account = new ApiAccount(limits);
        const period = new RefillPeriod();
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          const { status, headers } = account.ask('gpt-4o', 100, now);
          const { requests } = readRates(new Headers(headers)) ?? {};
          if (status === 200 && requests !== undefined) period.learn(requests);
        }
        const { periodMs, requests } = limits;
        // Times are cut off to milliseconds: they tell little of a bucket in which a request refills in less.
        if (periodMs === MINUTE || periodMs === DAY) expect(period.ms).toBe(periodMs);
        else if (period.ms !== MINUTE && period.ms !== DAY && periodMs / requests > 10) {
          expect(period.ms / periodMs).toBeGreaterThan(0.999);
          expect(period.ms / periodMs).toBeLessThan(1.1);
        }
      }),
    );
  });
});
