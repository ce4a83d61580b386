import { Budget, type BudgetOptions, GovernedOpenAI, type Limit, type Usage } from '../../src/index.ts';
import { ManualClock } from '../support/clock.ts';
import { type Answer, mockUpstream } from '../support/upstream.ts';

export const HELLO = {
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content: 'Hello, OpenAI!' }],
};
/** What HELLO's prompt is estimated at. */
export const PROMPT = 12;
/** A bounded call, whose estimate is therefore known: PROMPT, and this much output. */
export const OUTPUT = 50;
export const BOUNDED = { ...HELLO, max_tokens: OUTPUT };
export const STREAM = { ...BOUNDED, stream: true as const };

/** So large that nothing an upstream reports is denied, and fixed, so that nothing drains. */
export const EVERY_UNIT: readonly Limit[] = [
  { requests: 1e6, per: 'year' },
  { promptTokens: 1e15, per: 'year' },
  { completionTokens: 1e15, per: 'year' },
  { tokens: 1e15, per: 'year' },
  { images: 1e15, per: 'year' },
  { cost: 1e9, per: 'year' },
];

/** A governed client before a mock of the API, and what its calls came to. */
export function setUp(answer: Answer | readonly Answer[], options: BudgetOptions = {}) {
  const clock = new ManualClock();
  const budget = new Budget({ clock: clock.read, limits: EVERY_UNIT, ...options });
  const upstream = mockUpstream(...[answer].flat());
  const openai = new GovernedOpenAI({
    apiKey: 'sk-test',
    fetch: upstream.fetch,
    budget,
    maxRetries: 0,
    // What the SDK says of events that it cannot read.
    logLevel: 'off',
  });
  const outcomes: string[] = [];
  budget.on('settled', ({ source }) => outcomes.push(source));
  budget.on('refunded', () => outcomes.push('refunded'));
  return { openai, budget, outcomes, clock, ...upstream };
}

/** What is charged, by unit. */
export async function charged(budget: Budget): Promise<Partial<Usage>> {
  return Object.fromEntries((await budget.usage()).map(({ unit, used }) => [unit, used]));
}

/** An answer of these bytes, whatever they are. */
export function raw(
  body: string | Uint8Array<ArrayBuffer> | null,
  type = 'application/json',
  init: ResponseInit = {},
): () => Response {
  return () => new Response(body, { ...init, headers: { 'content-type': type, ...init.headers } });
}

export const sse = (text: string | Uint8Array<ArrayBuffer>) => raw(text, 'text/event-stream');

/** Reads a whole answer as bytes; what a read throws comes back in its place. */
export async function bytesRead(response: Response): Promise<Uint8Array | Error> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

/** Until something is so that becomes so by itself. @throws if it does not in a thousand turns of the event loop */
export async function eventually(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns++) {
    if (turns === 1_000) throw new Error('it did not become so');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Opening and closing brackets that deep: `[[[…]]]`. */
export const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
