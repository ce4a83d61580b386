/** Prints what workers get out of an account that they want three times as much of: node test/upstream/observe.ts */

import Table from 'cli-table3';
import { type LoadResult, type LoadScenario, runLoad } from './load.ts';

/** A simulated minute, in milliseconds: long enough that the delays of one machine are to it what a network's are to a minute. */
const MINUTE = 10_000;

const COMMON = { workers: 4, periods: 10, demand: 3, elsewhere: 0 };

const SCENARIOS: readonly LoadScenario[] = [
  {
    ...COMMON,
    name: 'requests are short',
    limits: { requests: 500, tokens: 2_000_000, periodMs: MINUTE },
    words: [20, 60],
  },
  {
    ...COMMON,
    name: 'tokens are short',
    limits: { requests: 10_000, tokens: 200_000, periodMs: MINUTE },
    words: [300, 900],
  },
  {
    ...COMMON,
    name: 'others use 30 %',
    limits: { requests: 10_000, tokens: 200_000, periodMs: MINUTE },
    words: [300, 900],
    elsewhere: 0.3,
  },
];

const table = new Table({
  head: ['', '', 'used of the limit', '429s of the API', 'calls done', 'failed', 'wait p50', 'p95'],
});

for (const scenario of SCENARIOS) {
  for (const governed of [false, true]) {
    const { share, refused, done, failed, waits } = await runLoad(scenario, governed);
    const wait = (quantile: number) => seconds(waits, quantile);
    table.push([
      scenario.name,
      governed ? "upstream: 'observe'" : 'OpenAI, with its retries',
      `${(share * 100).toFixed(1)} %`,
      refused,
      done,
      failed,
      wait(0.5),
      wait(0.95),
    ]);
  }
}
console.log(table.toString());

/** In seconds of simulated minutes. */
function seconds(waits: LoadResult['waits'], quantile: number): string {
  const wait = waits[Math.floor(waits.length * quantile)] ?? Number.NaN;
  return `${((wait / MINUTE) * 60).toFixed(1)} s`;
}
