import type { Server } from './server.ts';

/** Waits of the SDK before a retry are between these, in milliseconds; its timeouts are longer. */
const [SHORTEST, LONGEST] = [100, 120_000];

/**
 * Runs it with the waits between retries noted and over at once, at a time that stands still and without chance: the
 * SDK adds some to its waits.
 */
export async function withoutWaiting<T>(
  note: (what: string, value: unknown) => void,
  act: () => Promise<T>,
): Promise<T> {
  const { setTimeout: wait, Date: date } = globalThis;
  const { now } = date;
  const { random } = Math;
  const standing = now();
  const noted = (callback: () => void, ms = 0, ...rest: unknown[]) => {
    const short = ms >= SHORTEST && ms <= LONGEST && !calledByNode();
    if (short) note('waits', ms);
    return Reflect.apply(wait, globalThis, [callback, short ? 0 : ms, ...rest]);
  };
  globalThis.setTimeout = Object.assign(noted, wait) as typeof setTimeout;
  date.now = () => standing;
  Math.random = () => 0.5;
  try {
    return await act();
  } finally {
    globalThis.setTimeout = wait;
    date.now = now;
    Math.random = random;
  }
}

/**
 * A fetch whose first call hears of an abort when its request has arrived, and whose others hear of none: however short a
 * timeout is and however slow the machine, it ends that one request.
 */
export function patientFetch(server: Server): typeof fetch {
  let calls = 0;
  return (input, init) => {
    const late = new AbortController();
    const abort = () => server.arrived(1).then(() => late.abort(init?.signal?.reason));
    if (calls++ === 0) init?.signal?.addEventListener('abort', abort);
    return fetch(input, { ...init, signal: late.signal });
  };
}

/** Timers of the platform's fetch are set when its connections please. */
function calledByNode(): boolean {
  return /^.*\n.*\n.*\n.*node:internal/.test(new Error().stack ?? '');
}
