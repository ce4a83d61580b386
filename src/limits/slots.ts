import { QuotaExceeded, shown } from '../errors.ts';
import { type Call, planName } from './call.ts';
import { duration } from './denial.ts';

/** Why a call may not start in this process: too many are under way, or the last one has only just started. */
export interface SlotUsage {
  readonly limit: 'concurrent calls' | 'time between calls';
  /** In calls. */
  readonly max: number;
  readonly used: number;
  /** Milliseconds, > 0. */
  readonly retryAfterMs: number;
}

/** The error for a call that would be one too many at once, in the form of the API's own 429. */
export function tooManyCalls(slots: SlotUsage, call: Call, key: string): QuotaExceeded {
  const { limit, max, used } = slots;
  const retryAfterMs = Math.ceil(slots.retryAfterMs);
  const subject = `${call.model === '' ? 'this call' : shown(call.model)} in ${shown(key)} on ${limit}`;
  return new QuotaExceeded(
    {
      limit,
      unit: 'requests',
      key,
      max,
      used,
      remaining: Math.max(0, max - used),
      requested: 1,
      plan: planName(call),
      resetAt: undefined,
      retryAfterMs,
      reason: 'rate',
    },
    {
      message:
        `Rate limit reached for ${subject}: Limit ${max}, Used ${used}, Requested 1. ` +
        `Please try again in ${duration(retryAfterMs)}.`,
      type: 'requests',
      param: null,
      code: 'rate_limit_exceeded',
    },
    new Headers({
      'retry-after': String(Math.ceil(retryAfterMs / 1_000)),
      'retry-after-ms': String(retryAfterMs),
    }),
  );
}
