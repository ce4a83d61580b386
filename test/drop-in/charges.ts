import type { Budget } from '../../src/index.ts';
import type { Scenario } from './run.ts';
import type { Server } from './server.ts';

const GOVERNED =
  /\/(chat\/completions|responses|completions|embeddings|images\/(generations|edits|variations)|audio\/\w+|moderations)(\?|$)/;

/** What became of the attempts of a run, and what they are charged. */
export interface Charges {
  readonly outcomes: readonly string[];
  readonly requests: number;
  readonly tokens: number;
  readonly images: number;
  /** Reservations that are open still. */
  readonly open: number;
}

/** An end of a reservation, as the budget told of it. */
interface End {
  readonly outcome: string;
  readonly tokens: number;
  readonly images: number;
}

export function watchCharges(budget: Budget): End[] {
  const ends: End[] = [];
  budget.on('settled', ({ source, usage: { tokens, images } }) =>
    ends.push({ outcome: source, tokens, images }),
  );
  budget.on('refunded', () => ends.push({ outcome: 'refunded', tokens: 0, images: 0 }));
  return ends;
}

/** What the budget says, and what it should by what the server says. */
export async function chargesOf(scenario: Scenario, ends: readonly End[], budget: Budget, server: Server) {
  await budget.flush();
  const used = Object.fromEntries((await budget.usage()).map((limit) => [limit.unit, limit.used]));
  const { requests = -1, tokens = -1, images = -1 } = used;
  const reserved = await budget.reservations();
  const charges = {
    outcomes: ends.map(({ outcome }) => outcome),
    requests,
    tokens,
    images,
    open: reserved.length,
  };
  const estimates = reserved.map(({ usage }) => ({
    outcome: 'open',
    tokens: usage.tokens,
    images: usage.images,
  }));
  return { charges, expected: expectedOf(scenario, [...ends, ...estimates], server) };
}

function expectedOf(scenario: Scenario, ends: readonly End[], server: Server): Charges {
  const governed = server.answered.filter((_, at) => isGoverned(server, at));
  const answered = governed.map(({ status }) => (status < 300 ? 'reported' : 'refunded'));
  const outcomes = scenario.outcomes ?? answered;
  // What the server reported of those; what was reckoned here is as the budget says.
  const reported = governed.filter((_, at) => outcomes[at] === 'reported');
  const reportedTokens = scenario.usage?.total_tokens ?? sum(reported.map(({ usage }) => totalOf(usage)));
  const reckoned = ends.filter(({ outcome }) => outcome !== 'reported');
  return {
    outcomes,
    requests: outcomes.filter((outcome) => outcome !== 'refunded').length + (scenario.open ?? 0),
    tokens: reportedTokens + sum(reckoned.map(({ tokens }) => tokens)),
    images: sum(reported.map(({ images }) => images)) + sum(reckoned.map(({ images }) => images)),
    open: scenario.open ?? 0,
  };
}

function isGoverned(server: Server, at: number): boolean {
  const { method, url } = server.requests[at] ?? { method: '', url: '' };
  return method === 'POST' && GOVERNED.test(url);
}

function totalOf(usage: unknown): number {
  const { total_tokens, input_tokens = 0, output_tokens = 0 } = Object(usage) as Record<string, number>;
  return total_tokens ?? Number(input_tokens) + Number(output_tokens);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
