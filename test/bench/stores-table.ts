import Table from 'cli-table3';
import { contenderOf, FLOOR } from './stores-contenders.ts';

/** What a round showed of a contender with a number of processes. */
export interface Sample {
  /** Milliseconds, of calls one after the other. */
  readonly p50: number;
  readonly p99: number;
  /** Calls in a second, of all processes, each with several in flight. */
  readonly rate: number;
  /** Microseconds of processor time that a call of those took of its process. */
  readonly cpu: number;
}

/** The samples of each contender, one a round. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Milliseconds of a call alone, and of a call among others. */
export const latencyOf = ({ p50 }: Sample) => p50;
export const timeOf = ({ rate }: Sample) => 1_000 / rate;

/** Time per call as a multiple of the reference's: the median of what each round showed. NaN without a reference. */
export function timeRatio(
  samples: Samples,
  name: string,
  reference: string | undefined,
  of: (sample: Sample) => number,
): number {
  const [own = [], others = []] = [samples.get(name), samples.get(reference ?? '')];
  const ratios = own.flatMap((sample, round) => {
    const other = others[round];
    return other === undefined ? [] : [of(sample) / of(other)];
  });
  return quantile(ratios, 0.5);
}

export function sampleTable(samples: Samples): string {
  const table = plainTable([
    'admissions',
    'p50 µs',
    'p99 µs',
    'x EVALSHA',
    'x instead',
    'calls/s',
    'x EVALSHA',
    'x instead',
    'CPU µs',
  ]);
  for (const [name, rounds] of samples) {
    const ratios = (of: (sample: Sample) => number) =>
      [FLOOR, contenderOf(name).instead].map((reference) =>
        ratioText(timeRatio(samples, name, reference, of)),
      );
    const median = (of: (sample: Sample) => number) => quantile(rounds.map(of), 0.5);
    table.push([
      name,
      microseconds(median(({ p50 }) => p50)),
      microseconds(median(({ p99 }) => p99)),
      ...ratios(latencyOf),
      Math.round(median(({ rate }) => rate)).toLocaleString('en'),
      ...ratios(timeOf),
      median(({ cpu }) => cpu).toFixed(1),
    ]);
  }
  return table.toString();
}

/** The first column is text, the others numbers. */
export function plainTable(head: string[]): Table.Table {
  const colAligns = head.map((_, i): 'left' | 'right' => (i === 0 ? 'left' : 'right'));
  return new Table({ style: { head: [], border: [], compact: true }, head, colAligns });
}

export function ratioText(ratio: number): string {
  return Number.isNaN(ratio) ? '-' : ratio.toFixed(2);
}

function microseconds(milliseconds: number): string {
  const value = milliseconds * 1_000;
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}
