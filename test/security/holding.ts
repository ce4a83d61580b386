import fc from 'fast-check';
import type { Budget, Usage } from '../../src/index.ts';
import { charged, eventually, setUp } from './support.ts';

/** Notes what a run came upon. */
export type Note = (what: string) => void;

export type RunParameters = Pick<
  fc.Parameters<unknown>,
  'numRuns' | 'seed' | 'interruptAfterTimeLimit' | 'markInterruptAsFailure'
>;

export interface RunResult {
  readonly runs: number;
  readonly seed: number;
  /** What was found, as fast-check tells it; undefined if nothing was. */
  readonly failure: string | undefined;
}

/** Something that holds for whatever fast-check makes up. */
export type Property = (note: Note, parameters: RunParameters) => Promise<RunResult>;

export function property<T>(make: (note: Note) => fc.IAsyncProperty<T>): Property {
  return async (note, parameters) => {
    const details = await fc.check(make(note), { ...parameters, includeErrorInReport: true });
    const { numRuns, seed, failed } = details;
    return { runs: numRuns, seed, failure: failed ? fc.defaultReportMessage(details) : undefined };
  };
}

/** @throws if it is not so */
export function hold(isSo: boolean, what: string, ...about: unknown[]): void {
  if (!isSo) throw new Error([what, ...about.map((one) => JSON.stringify(one))].join(' '));
}

/** A governed client as of `setUp()`, and what its call was charged. */
export interface Charged extends ReturnType<typeof setUp> {
  readonly usage: () => Usage | undefined;
}

export function setUpCharged(...args: Parameters<typeof setUp>): Charged {
  const set = setUp(...args);
  let last: Usage | undefined;
  set.budget.on('settled', ({ usage }) => {
    last = usage;
  });
  return { ...set, usage: () => last };
}

/** The call has ended once, nothing is open, and every counter is a finite number from 0 up. */
export async function expectClosed({
  budget,
  outcomes,
}: Pick<Charged, 'budget' | 'outcomes'>): Promise<void> {
  await eventually(() => outcomes.length > 0);
  hold(outcomes.length === 1, 'it has ended more than once', outcomes);
  hold((await budget.reservations()).length === 0, 'a reservation is open');
  await expectCounts(budget);
}

async function expectCounts(budget: Budget): Promise<void> {
  for (const { unit, used, remaining } of await budget.usage()) {
    hold(
      Number.isFinite(used) && used >= 0 && Number.isFinite(remaining),
      'a counter is no count',
      unit,
      used,
    );
  }
}

export async function expectCharged(
  { budget, usage }: Charged,
  promptTokens: number,
  completionTokens: number,
): Promise<void> {
  const expected = { promptTokens, completionTokens };
  const counted = await charged(budget);
  for (const unit of ['promptTokens', 'completionTokens'] as const) {
    const used = usage()?.[unit] ?? 0;
    hold(used === expected[unit], 'charged', unit, used, 'not', expected[unit]);
    // Counters show the next whole token, and of a sum no more than 15 digits.
    const difference = Math.abs((counted[unit] ?? Number.NaN) - expected[unit]);
    hold(difference <= 1, 'counted', unit, counted[unit], 'not', expected[unit]);
  }
}
