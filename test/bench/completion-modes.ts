import Table from 'cli-table3';
import { CompletionForecast, maxCompletionTokens } from '../../src/tokens/completion.ts';

/** A recorded call without a bound on its output, and the output tokens that it had, per choice. */
export interface UnboundedCall {
  readonly model: string;
  /** Stands for the counter key: the project that made the call. */
  readonly project: string;
  readonly tokens: number;
}

interface Mode {
  readonly name: string;
  reserve(call: UnboundedCall): number;
  observe?(call: UnboundedCall): void;
}

function learned(name: string, quantile: number, perKey: boolean): Mode {
  const forecast = new CompletionForecast(quantile, perKey);
  return {
    name,
    reserve: ({ model, project }) => forecast.expected(model, project),
    observe: ({ model, project, tokens }) => forecast.observe(model, project, tokens),
  };
}

/**
 * What each completion mode would have reserved for the calls, in their order: how much of it in vain, and how often
 * too little. Learning modes learn from the calls before.
 */
export function completionModesTable(calls: readonly UnboundedCall[]): string {
  const modes: Mode[] = [
    { name: "'none'", reserve: () => 0 },
    learned("'expected'", 0.95, false),
    learned('expected, quantile 0.8', 0.8, false),
    learned('expected, perKey', 0.95, true),
    { name: "'max'", reserve: ({ model }) => maxCompletionTokens(model) },
  ];
  const used = sum(calls.map(({ tokens }) => tokens));
  const table = new Table({
    head: ['completion', 'reserved / used', 'in vain / used', 'too low: calls', 'too low: tokens / used'],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, reserve, observe } of modes) {
    let [reserved, vain, low, short] = [0, 0, 0, 0];
    for (const call of calls) {
      const amount = reserve(call);
      reserved += amount;
      vain += Math.max(0, amount - call.tokens);
      short += Math.max(0, call.tokens - amount);
      if (amount < call.tokens) low += 1;
      observe?.(call);
    }
    const share = (value: number) => (value / used).toFixed(2);
    table.push([name, share(reserved), share(vain), percent(low / calls.length), percent(short / used)]);
  }
  return `${calls.length} calls without a bound on their output, ${Math.round(used)} output tokens\n${table}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
