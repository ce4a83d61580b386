import type { CompiledLimit } from '../limits/limit.ts';
import { type Period, periodLength } from '../limits/period.ts';
import { rollingWindow } from '../limits/window.ts';
import type { Usage } from '../usage.ts';

export type RateUnit = 'requests' | 'tokens';

/** A bucket of the API as a limit of a budget. */
export interface RateParts {
  readonly unit: RateUnit;
  /** As the API sees it, whose counter it is. */
  readonly model: string;
  readonly max: number;
  readonly periodMs: number;
  /** Most at once. */
  readonly capacity: number;
  /** What a call of this estimate takes of the bucket. */
  readonly count: (usage: Usage) => number;
}

/** As often as workers look at what others have learned. */
const RETRY_MS = 1_000;

/** The name, in errors and events, of the limit in a unit. */
export function nameOf(unit: RateUnit): string {
  return `upstream ${unit}`;
}

/**
 * The API takes its own estimate when it accepts a request, and gives nothing back, whatever the request uses or ends
 * with. So what is reserved stands; it is given back only if nothing was sent.
 */
export function rateLimit({ unit, model, max, periodMs, capacity, count }: RateParts): CompiledLimit {
  return {
    name: nameOf(unit),
    unit,
    max,
    capacity,
    per: periodOf(periodMs),
    key: model,
    onExceeded: 'wait',
    window: rollingWindow(max, periodMs, capacity),
    headers: undefined,
    applies: (call) => call.model === model,
    weight: () => 1,
    // More than the bucket ever lets in at once is for the API to refuse.
    count: (_call, usage) => Math.min(capacity, count(usage)),
    retryMs: RETRY_MS,
    countIf: ({ status, usage }) => status !== undefined || usage !== undefined,
  };
}

function periodOf(periodMs: number): Period {
  const named = (['minute', 'day'] as const).find((period) => periodLength(period) === periodMs);
  return named ?? { seconds: periodMs / 1_000 };
}
