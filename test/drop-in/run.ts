import { LLMock } from '@copilotkit/aimock';
import { AzureOpenAI, type ClientOptions, OpenAI } from 'openai';
import { Budget, GovernedAzureOpenAI, GovernedOpenAI } from '../../src/index.ts';
import { forwarded } from './answers.ts';
import { type Charges, chargesOf, watchCharges } from './charges.ts';
import { numbered, plain } from './plain.ts';
import { type Answer, type Seen, Server } from './server.ts';
import { withoutWaiting } from './waits.ts';

/** What a scenario is given: the classes of one of the two clients, and a server that is fresh. */
export interface Side {
  readonly Client: typeof OpenAI;
  readonly Azure: typeof AzureOpenAI;
  readonly server: Server;
  /** The options of a client of this side, retries off. */
  options(more?: ClientOptions): ClientOptions;
  client(more?: ClientOptions): OpenAI;
  /** Adds to the transcript, as it is now. */
  note(what: string, value?: unknown): void;
}

/** What an app may do with a client. */
export interface Scenario {
  /** What the server answers, in turn; the last again and again. */
  readonly answers?: readonly Answer[];
  /** The answers of a mock of the API, in their place. */
  readonly mock?: (mock: LLMock) => void;
  /** What it resolves to, or rejects with, is compared; and what it notes. */
  readonly run: (side: Side) => Promise<unknown>;
  /** How each governed attempt ends, in order. Default: by the status of its answer `reported` or `refunded`. */
  readonly outcomes?: readonly string[];
  /** Reservations that stay open. Default: none. */
  readonly open?: number;
  /** What the API reports in all, where it does not do so in the answers of the governed calls themselves. */
  readonly usage?: { readonly total_tokens: number };
  /** The first major version of the SDK that can do it. Default: all can. */
  readonly since?: number;
  /** Rejections that nobody handles, of either client. Default: none. */
  readonly unhandled?: number;
  /** Waits between retries are noted and not waited for. */
  readonly noWaits?: boolean;
}

/** What a scenario saw, in its own words. */
export type Note = readonly [what: string, value: unknown];

/** Everything that can be seen of one run, as plain data. */
export interface Transcript {
  readonly requests: readonly Seen[];
  readonly notes: readonly Note[];
  readonly result: unknown;
  readonly unhandled: readonly unknown[];
}

export async function runPlain(scenario: Scenario): Promise<Transcript> {
  const { transcript } = await run(scenario, OpenAI, AzureOpenAI, {});
  return transcript;
}

/** The same with a budget that is never spent. */
export async function runGoverned(
  scenario: Scenario,
): Promise<{ transcript: Transcript; charges: Charges; expected: Charges }> {
  const budget = new Budget({
    limits: [
      { requests: 1e6, per: 'forever' },
      { tokens: 1e9, per: 'forever' },
      { images: 1e6, per: 'forever' },
    ],
  });
  const charges = watchCharges(budget);
  // These are used as the SDK's are: with the options of the SDK, and the budget beside them.
  const Client = GovernedOpenAI as unknown as typeof OpenAI;
  const Azure = GovernedAzureOpenAI as unknown as typeof AzureOpenAI;
  const { transcript, server } = await run(scenario, Client, Azure, { budget });
  return { transcript, ...(await chargesOf(scenario, charges, budget, server)) };
}

async function run(scenario: Scenario, Client: typeof OpenAI, Azure: typeof AzureOpenAI, governed: object) {
  const mock = new LLMock({ port: 0 });
  scenario.mock?.(mock);
  if (scenario.mock !== undefined) await mock.start();
  const server = await Server.start(scenario.answers ?? [forwarded(() => mock.url)]);
  const hosts = { [server.url]: 'http://server', [new URL(server.url).host]: 'server' };
  const notes: unknown[] = [];
  const note = (what: string, value?: unknown) => void notes.push([what, plain(value)]);
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => void unhandled.push(plain(reason));
  // Those of the test runner would fail the run.
  const others = process.rawListeners('unhandledRejection') as NodeJS.UnhandledRejectionListener[];
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', onUnhandled);
  const options = (more: ClientOptions = {}) => ({
    ...{ apiKey: 'sk-test', baseURL: `${server.url}/v1`, maxRetries: 0, logLevel: 'off' as const, ...more },
    ...governed,
  });
  const side: Side = {
    ...{ Client, Azure, server, options, note },
    client: (more) => new Client(options(more)),
  };
  const act = () => scenario.run(side).then(plain, (error: unknown) => ({ thrown: plain(error) }));
  try {
    const result = await (scenario.noWaits ? withoutWaiting(note, act) : act());
    // Rejections that nobody handles are told after the turn that they came in.
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    const { requests } = server;
    return { transcript: numbered({ requests, notes, result, unhandled }, hosts) as Transcript, server };
  } finally {
    process.off('unhandledRejection', onUnhandled);
    for (const other of others) process.on('unhandledRejection', other);
    await server.stop();
    if (scenario.mock !== undefined) await mock.stop();
  }
}
