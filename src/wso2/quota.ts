import { unitPerPeriod } from '../limits/compile.ts';
import type { Limit } from '../limits/limit.ts';
import type { CalendarPeriod, Period } from '../limits/period.ts';
import type { Exported } from './document.ts';

const TIME_UNITS = {
  sec: 'second',
  min: 'minute',
  hour: 'hour',
  day: 'day',
  week: 'week',
  month: 'month',
  year: 'year',
} as const satisfies Record<string, CalendarPeriod>;
type TimeUnit = keyof typeof TIME_UNITS;
const TIME_UNIT_NAMES = Object.keys(TIME_UNITS) as TimeUnit[];

/** Seconds of the units of which several last as long as one after the other. */
const SECONDS: { readonly [U in TimeUnit]?: number } = {
  sec: 1,
  min: 60,
  hour: 3_600,
  day: 86_400,
  week: 604_800,
};

/** Kinds of a default limit, and the field that each fills. */
const KINDS = {
  AIAPIQUOTALIMIT: 'aiApiQuota',
  REQUESTCOUNTLIMIT: 'requestCount',
  BANDWIDTHLIMIT: 'bandwidth',
  EVENTCOUNTLIMIT: 'eventCount',
} as const;
type Kind = keyof typeof KINDS;

const COUNTS = {
  requestCount: 'requests',
  totalTokenCount: 'tokens',
  promptTokenCount: 'promptTokens',
  completionTokenCount: 'completionTokens',
} as const;

/** The quota of a policy: fixed windows, as the gateway counts. A count of 0 limits nothing. @throws PolicyImportError */
export function quotaLimits(limit: Exported): Limit[] {
  if (limit.isMissing) throw limit.error('is missing');
  limit.checkFields(['type', ...Object.values(KINDS)]);
  const type = limit.field('type').oneOf(Object.keys(KINDS) as Kind[]);
  if (type === undefined) throw limit.error('type is missing');
  for (const [kind, name] of Object.entries(KINDS)) {
    const quota = limit.field(name);
    if (kind === type && quota.isMissing) throw limit.error(`${name} is missing`);
    if (kind !== type && !quota.isMissing) throw quota.error(`cannot be honoured beside type ${type}`);
  }
  const quota = limit.field(KINDS[type]);
  if (type === 'BANDWIDTHLIMIT' || type === 'EVENTCOUNTLIMIT')
    throw quota.error('cannot be honoured: only requests and tokens are limited');
  const counts = type === 'REQUESTCOUNTLIMIT' ? ['requestCount' as const] : COUNT_NAMES;
  quota.checkFields(['timeUnit', 'unitTime', ...counts]);
  const per = periodOf(quota);
  return counts.flatMap((name) => {
    const max = quota.field(name).count() ?? 0;
    const unit = COUNTS[name];
    const options = { per, window: 'fixed', name: `quota of ${unitPerPeriod(unit, per)}` } as const;
    return max === 0 ? [] : [limitOf(unit, max, options)];
  });
}

const COUNT_NAMES = Object.keys(COUNTS) as (keyof typeof COUNTS)[];

/** Burst control: requests in a short time, denied whatever the quota does. @throws PolicyImportError */
export function burstLimits(count: Exported, timeUnit: Exported): Limit[] {
  const requests = count.count() ?? 0;
  const unit = timeUnit.oneOf(TIME_UNIT_NAMES);
  if (requests === 0) return [];
  if (unit === undefined) throw count.error('rateLimitTimeUnit is missing');
  const per = TIME_UNITS[unit];
  return [
    {
      requests,
      per,
      window: 'rolling',
      onExceeded: 'reject',
      name: `burst of ${unitPerPeriod('requests', per)}`,
    },
  ];
}

function periodOf(quota: Exported): Period {
  const unit = quota.field('timeUnit').oneOf(TIME_UNIT_NAMES);
  if (unit === undefined) throw quota.error('timeUnit is missing');
  const units = quota.field('unitTime').count() ?? 0;
  if (units === 0) throw quota.field('unitTime').error('expected a whole number >= 1');
  if (units === 1) return TIME_UNITS[unit];
  const seconds = SECONDS[unit];
  if (seconds === undefined)
    throw quota.field('unitTime').error(`several ${TIME_UNITS[unit]}s in one window cannot be honoured`);
  return { seconds: units * seconds };
}

function limitOf(
  unit: (typeof COUNTS)[keyof typeof COUNTS],
  max: number,
  options: Pick<Limit, 'per' | 'window' | 'name'>,
): Limit {
  switch (unit) {
    case 'requests':
      return { requests: max, ...options };
    case 'tokens':
      return { tokens: max, ...options };
    case 'promptTokens':
      return { promptTokens: max, ...options };
    case 'completionTokens':
      return { completionTokens: max, ...options };
  }
}
