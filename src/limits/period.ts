import { Temporal } from 'temporal-polyfill';

export const CALENDAR_PERIODS = ['second', 'minute', 'hour', 'day', 'week', 'month', 'year'] as const;
export type CalendarPeriod = (typeof CALENDAR_PERIODS)[number];

/** The span a limit is measured over: a calendar unit, a number of seconds, or all time. */
export type Period = CalendarPeriod | 'forever' | { readonly seconds: number };

/** One window of a period, in Unix milliseconds; `end` is exclusive and Infinity for 'forever'. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Nominal lengths in milliseconds: a rolling month is 30 days, a rolling year 365. */
const MILLISECONDS: { readonly [P in CalendarPeriod]: number } = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
  month: 2_592_000_000,
  year: 31_536_000_000,
};

const FOREVER: Span = { start: 0, end: Infinity };

/** The length of a period in milliseconds, nominal for calendar units; Infinity for 'forever'. */
export function periodLength(period: Period): number {
  if (period === 'forever') return Infinity;
  return typeof period === 'object' ? period.seconds * 1_000 : MILLISECONDS[period];
}

/** In words, as it stands in limit names: 'minute', '90 seconds', 'forever'. */
export function periodName(period: Period): string {
  return typeof period === 'object' ? `${period.seconds} seconds` : period;
}

export interface Calendar {
  /** Start of the first window, in Unix milliseconds; windows are counted from it in both directions. */
  readonly startsAt: number | undefined;
  /** IANA name of the zone whose calendar counts. */
  readonly timeZone: string;
}

/**
 * The windows of a period: returns the one that holds a moment. Hours to years are aligned to the calendar of the
 * zone (a week starts on Monday, as in ISO 8601), or counted from `startsAt`. The last answer is kept, so that
 * calendar arithmetic is done once a window and not once a call.
 */
export function windowsOf(period: Period, calendar: Calendar): (now: number) => Span {
  if (period === 'forever') return () => FOREVER;
  const find =
    typeof period === 'object'
      ? (now: number) => evenSpan(period.seconds * 1_000, calendar.startsAt ?? 0, now)
      : calendar.startsAt === undefined
        ? (now: number) => alignedSpan(period, calendar.timeZone, now)
        : countedSpan(period, calendar.timeZone, calendar.startsAt);
  let last: Span = { start: 0, end: 0 };
  return (now) => {
    if (now < last.start || now >= last.end) last = find(now);
    return last;
  };
}

function evenSpan(length: number, origin: number, now: number): Span {
  const start = origin + Math.floor((now - origin) / length) * length;
  return { start, end: start + length };
}

function alignedSpan(period: CalendarPeriod, timeZone: string, now: number): Span {
  const moment = Temporal.Instant.fromEpochMilliseconds(Math.floor(now)).toZonedDateTimeISO(timeZone);
  const start = startOf(period, moment);
  // Not the start plus a period: where clocks change at midnight, a day starts at one o'clock, and the next at zero.
  return span(start, endOf(period, start));
}

function endOf(period: CalendarPeriod, start: Temporal.ZonedDateTime): Temporal.ZonedDateTime {
  const end = startOf(period, start.add({ [`${period}s`]: 1 }));
  if (!isClockPeriod(period)) return end;
  const transition = start.getTimeZoneTransition('next');
  return transition !== null && Temporal.ZonedDateTime.compare(transition, end) < 0 ? transition : end;
}

function isClockPeriod(period: CalendarPeriod): period is 'second' | 'minute' | 'hour' {
  return period === 'second' || period === 'minute' || period === 'hour';
}

/** Where clocks change by half an hour, an hour of the clock ends or starts with the change. */
function startOfClock(
  period: 'second' | 'minute' | 'hour',
  moment: Temporal.ZonedDateTime,
): Temporal.ZonedDateTime {
  const start = moment.round({ smallestUnit: period, roundingMode: 'floor' });
  const transition = moment.add({ milliseconds: 1 }).getTimeZoneTransition('previous');
  return transition !== null && Temporal.ZonedDateTime.compare(transition, start) > 0 ? transition : start;
}

function startOf(period: CalendarPeriod, moment: Temporal.ZonedDateTime): Temporal.ZonedDateTime {
  switch (period) {
    case 'second':
    case 'minute':
    case 'hour':
      return startOfClock(period, moment);
    case 'day':
      return moment.startOfDay();
    case 'week':
      return moment.subtract({ days: moment.dayOfWeek - 1 }).startOfDay();
    case 'month':
      return moment.with({ day: 1 }).startOfDay();
    case 'year':
      return moment.with({ month: 1, day: 1 }).startOfDay();
  }
}

/** Windows counted from a moment: the n-th starts n periods after it (from the 31st: on the last day of short months). */
function countedSpan(period: CalendarPeriod, timeZone: string, startsAt: number): (now: number) => Span {
  const origin = Temporal.Instant.fromEpochMilliseconds(startsAt).toZonedDateTimeISO(timeZone);
  const nth = (n: number) => origin.add({ [`${period}s`]: n });
  return (now) => {
    let n = Math.floor((now - startsAt) / MILLISECONDS[period]);
    while (nth(n).epochMilliseconds > now) n--;
    while (nth(n + 1).epochMilliseconds <= now) n++;
    return span(nth(n), nth(n + 1));
  };
}

function span(start: Temporal.ZonedDateTime, end: Temporal.ZonedDateTime): Span {
  return { start: start.epochMilliseconds, end: end.epochMilliseconds };
}
