import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CALENDAR_PERIODS, type Period, periodLength, windowsOf } from '../../src/limits/period.ts';

interface Row {
  per: Period;
  timeZone?: string;
  startsAt?: string;
  now: string;
  start: string;
  end: string;
}

const rows: Row[] = [
  {
    per: 'second',
    now: '2026-11-21T09:00:00.999Z',
    start: '2026-11-21T09:00:00Z',
    end: '2026-11-21T09:00:01Z',
  },
  { per: 'minute', now: '2026-11-21T09:00:00Z', start: '2026-11-21T09:00:00Z', end: '2026-11-21T09:01:00Z' },
  {
    per: 'hour',
    now: '2026-11-21T09:59:59.999Z',
    start: '2026-11-21T09:00:00Z',
    end: '2026-11-21T10:00:00Z',
  },
  { per: 'day', now: '2026-11-21T23:59:59Z', start: '2026-11-21T00:00:00Z', end: '2026-11-22T00:00:00Z' },
  { per: 'week', now: '2026-11-21T12:00:00Z', start: '2026-11-16T00:00:00Z', end: '2026-11-23T00:00:00Z' },
  { per: 'week', now: '2026-11-16T00:00:00Z', start: '2026-11-16T00:00:00Z', end: '2026-11-23T00:00:00Z' },
  { per: 'month', now: '2024-02-29T12:00:00Z', start: '2024-02-01T00:00:00Z', end: '2024-03-01T00:00:00Z' },
  { per: 'year', now: '2026-12-31T23:59:59Z', start: '2026-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' },
  {
    per: { seconds: 90 },
    now: '1970-01-01T00:01:31Z',
    start: '1970-01-01T00:01:30Z',
    end: '1970-01-01T00:03:00Z',
  },
  // Berlin's days are 23 and 25 hours long when its clocks change.
  {
    per: 'day',
    timeZone: 'Europe/Berlin',
    now: '2026-03-29T10:00:00Z',
    start: '2026-03-28T23:00:00Z',
    end: '2026-03-29T22:00:00Z',
  },
  {
    per: 'day',
    timeZone: 'Europe/Berlin',
    now: '2026-10-25T10:00:00Z',
    start: '2026-10-24T22:00:00Z',
    end: '2026-10-25T23:00:00Z',
  },
  {
    per: 'month',
    timeZone: 'America/New_York',
    now: '2026-03-31T23:00:00Z',
    start: '2026-03-01T05:00:00Z',
    end: '2026-04-01T04:00:00Z',
  },
  // Sao Paulo's clocks changed at midnight: this day started at one o'clock, the next at zero.
  {
    per: 'day',
    timeZone: 'America/Sao_Paulo',
    now: '2018-11-04T12:00:00Z',
    start: '2018-11-04T03:00:00Z',
    end: '2018-11-05T02:00:00Z',
  },
  // Lord Howe's change by half an hour: from 2:00 back to 1:30.
  {
    per: 'hour',
    timeZone: 'Australia/Lord_Howe',
    now: '2026-04-04T15:15:00Z',
    start: '2026-04-04T15:00:00Z',
    end: '2026-04-04T15:30:00Z',
  },
  // Kathmandu's hours start at a quarter past.
  {
    per: 'hour',
    timeZone: 'Asia/Kathmandu',
    now: '2026-01-01T00:20:00Z',
    start: '2026-01-01T00:15:00Z',
    end: '2026-01-01T01:15:00Z',
  },
  {
    per: 'month',
    startsAt: '2026-01-15T08:00:00Z',
    now: '2026-03-15T07:59:59Z',
    start: '2026-02-15T08:00:00Z',
    end: '2026-03-15T08:00:00Z',
  },
  {
    per: 'month',
    startsAt: '2026-01-31T00:00:00Z',
    now: '2026-02-28T12:00:00Z',
    start: '2026-02-28T00:00:00Z',
    end: '2026-03-31T00:00:00Z',
  },
  {
    per: 'month',
    startsAt: '2026-01-15T00:00:00Z',
    now: '2025-12-20T00:00:00Z',
    start: '2025-12-15T00:00:00Z',
    end: '2026-01-15T00:00:00Z',
  },
  {
    per: 'day',
    startsAt: '2026-03-28T09:00:00Z',
    timeZone: 'Europe/Berlin',
    now: '2026-03-30T07:30:00Z',
    start: '2026-03-29T08:00:00Z',
    end: '2026-03-30T08:00:00Z',
  },
  {
    per: { seconds: 60 },
    startsAt: '2026-01-01T00:00:30Z',
    now: '2026-01-01T00:01:29Z',
    start: '2026-01-01T00:00:30Z',
    end: '2026-01-01T00:01:30Z',
  },
];

describe('windowsOf', () => {
  test.each(rows)(
    '$per $timeZone $startsAt at $now',
    ({ per, timeZone = 'UTC', startsAt, now, start, end }) => {
      const at = windowsOf(per, {
        timeZone,
        startsAt: startsAt === undefined ? undefined : Date.parse(startsAt),
      });
      const span = at(Date.parse(now));
      expect(new Date(span.start).toISOString()).toBe(new Date(start).toISOString());
      expect(new Date(span.end).toISOString()).toBe(new Date(end).toISOString());
    },
  );

  test('forever has one window without end', () => {
    const at = windowsOf('forever', { timeZone: 'UTC', startsAt: undefined });
    expect(at(0)).toEqual(at(9e15));
    expect(at(0).end).toBe(Infinity);
  });

  test('windows cover all time, each moment once, in whatever order they are asked', () => {
    const moments = fc.integer({ min: 0, max: Date.UTC(2060, 0, 1) });
    const zones = fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/St_Johns',
      'Pacific/Apia',
      'Asia/Kathmandu',
      'Australia/Lord_Howe',
      'America/Sao_Paulo',
    );
    const starts = fc.option(fc.integer({ min: 0, max: Date.UTC(2050, 0, 1) }), { nil: undefined });
    const periods = fc.constantFrom<Period>(...CALENDAR_PERIODS, { seconds: 7 });
    fc.assert(
      fc.property(
        periods,
        zones,
        starts,
        fc.array(moments, { minLength: 1, maxLength: 5 }),
        (per, timeZone, startsAt, times) => {
          // A calendar of seconds counted from a start decades ago is asked nowhere; it would count for long.
          fc.pre(startsAt === undefined || typeof per === 'object' || periodLength(per) >= 3_600_000);
          const at = windowsOf(per, { timeZone, startsAt });
          for (const now of times) {
            const span = at(now);
            expect(span.start).toBeLessThanOrEqual(now);
            expect(span.end).toBeGreaterThan(now);
            expect(at(span.end).start).toBe(span.end);
            expect(at(span.start)).toEqual(span);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
