/** How one of the API's buckets stands, as the headers of an answer tell it. */
export interface RateReading {
  /** What the full bucket holds. */
  readonly max: number;
  /** Whole units; what is left may be up to one more. */
  readonly remaining: number;
  /** Milliseconds until it is full again, cut off to whole ones; undefined if they do not tell. */
  readonly resetMs: number | undefined;
  /** Milliseconds in which it fills, where they tell that. */
  readonly periodMs: number | undefined;
}

export interface RateReadings {
  readonly requests: RateReading | undefined;
  readonly tokens: RateReading | undefined;
}

/** Nothing beyond that is a limit, or a time to wait. */
const MOST = 1e13;
const LONGEST_PERIOD = 31 * 86_400_000;
/** A limit that asks for a longer pause is no rate limit. */
const LONGEST_PAUSE = 3_600_000;

/** What the `x-ratelimit-*` headers tell; what is wrong in them is left out. Undefined if nothing is left. */
export function readRates(headers: Headers): RateReadings | undefined {
  const requests = readRate(headers, 'requests');
  const tokens = readRate(headers, 'tokens');
  return requests === undefined && tokens === undefined ? undefined : { requests, tokens };
}

function readRate(headers: Headers, unit: 'requests' | 'tokens'): RateReading | undefined {
  const max = numberIn(headers.get(`x-ratelimit-limit-${unit}`), MOST);
  const remaining = numberIn(headers.get(`x-ratelimit-remaining-${unit}`), MOST);
  if (max === undefined || max < 1 || remaining === undefined || remaining > max) return undefined;
  const resetMs = readDuration(headers.get(`x-ratelimit-reset-${unit}`));
  // Azure's: in seconds.
  const seconds = numberIn(headers.get(`x-ratelimit-renewalperiod-${unit}`), LONGEST_PERIOD / 1_000);
  return {
    max,
    remaining,
    resetMs,
    periodMs: seconds === undefined ? undefined : seconds * 1_000 || undefined,
  };
}

/**
 * The milliseconds that a 429 tells to wait. Undefined if it tells none: a quota that is spent, or a request that is too
 * large, is no matter of time.
 */
export function readPause(status: number, headers: Headers): number | undefined {
  if (status !== 429) return undefined;
  const exact = numberIn(headers.get('retry-after-ms'), LONGEST_PAUSE);
  // Azure sends 0 where it means the other one.
  if (exact !== undefined && exact > 0) return exact;
  const seconds = numberIn(headers.get('retry-after'), LONGEST_PAUSE / 1_000);
  return seconds === undefined ? undefined : seconds * 1_000;
}

/** A duration in Go's form: 115ms, 8.64s, 21m36.001s, 300h5m2s. Undefined for anything else, a bare number too. */
export function readDuration(text: string | null): number | undefined {
  if (text === null || text.length > 32) return undefined;
  const parts = /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(text);
  if (parts === null || text === '') return undefined;
  const [, hours = 0, minutes = 0, seconds = 0, milliseconds = 0] = parts;
  const total =
    Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1_000 + Number(milliseconds);
  return total <= LONGEST_PERIOD ? total : undefined;
}

function numberIn(text: string | null, most: number): number | undefined {
  if (text === null || !/^\d{1,15}(\.\d{1,9})?$/.test(text)) return undefined;
  const value = Number(text);
  return value <= most ? value : undefined;
}
