import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { Budget, GovernedOpenAI, QuotaExceeded } from '../../src/index.ts';
import type { CounterStore } from '../../src/stores/store.ts';
import { type Answer, billed, type Call, randomCall, randomNumbers } from './calls.ts';
import type { Job, Question, Standing } from './job.ts';
import { budgetOptions, MODEL, windowAt } from './limits.ts';
import { currentCall, RecordingStore, underWay } from './recording-store.ts';
import type { Trace } from './trace.ts';
import { fetchOf, PIECE, respond } from './upstream.ts';

/** Of so many lanes of `windows`, one begins with a call that is answered in the next window only. */
const HELD_EVERY = 4;

/** Answers after which the SDK has nothing to give the app but an error. */
const FAILING: ReadonlySet<Answer['kind']> = new Set(['torn', 'failed', 'refused', 'lost']);
const STREAMED: ReadonlySet<Answer['kind']> = new Set(['stream', 'left', 'torn']);

/** Milliseconds before the end of a window at which `windows` begins. */
const LATE = 300;

export async function report(store: CounterStore, { limits, users }: Question): Promise<Standing[]> {
  const budget = new Budget(budgetOptions(store, limits));
  return Promise.all(
    users.map(async (user) => ({
      user,
      usage: await budget.usage(user),
      reservations: await budget.reservations(user),
    })),
  );
}

/** Does a job on a store, as an app does that many callers use at once, and resolves when all is settled. */
export async function work(store: CounterStore, job: Job): Promise<Trace> {
  return new Worker(store, job).run();
}

class Worker {
  readonly #job: Job;
  readonly #store: RecordingStore;
  readonly #budget: Budget;
  readonly #openai: GovernedOpenAI;
  readonly #clients = new Map<string, GovernedOpenAI>();
  readonly #nextWindow = Promise.withResolvers<void>();
  readonly #allSent = Promise.withResolvers<void>();
  #firstWindow: number | undefined;

  constructor(store: CounterStore, job: Job) {
    this.#job = job;
    this.#store = new RecordingStore(store, job.scope, job.worker);
    this.#budget = new Budget(budgetOptions(this.#store, job.limits));
    // Nothing is hidden by trying again.
    this.#budget.on('storeError', (error) => {
      throw error;
    });
    const fetch = fetchOf((init) => this.#answer(init));
    this.#openai = new GovernedOpenAI({ apiKey: 'sk-test', fetch, budget: this.#budget });
  }

  async run(): Promise<Trace> {
    const { kind, lanes } = this.#job;
    if (kind === 'windows') await this.#endOfWindow();
    const all = Promise.all(Array.from({ length: lanes }, (_, lane) => this.#lane(lane)));
    if (kind === 'hang') await Promise.race([all, this.#allSent.promise]);
    else await all;
    await this.#budget.flush();
    return this.#store.trace;
  }

  async #lane(lane: number): Promise<void> {
    const { kind, worker, lanes, calls } = this.#job;
    const random = randomNumbers(worker * lanes + lane);
    if (kind === 'hang') {
      const answers: Answer[] = [{ kind: 'never' }];
      await this.#call({ ...randomCall(random), answers });
    } else if (kind === 'calls') {
      for (let i = 0; i < calls; i++) await this.#call(randomCall(random));
    } else {
      await this.#throughWindows(random, lane % HELD_EVERY === 0);
    }
  }

  async #throughWindows(random: () => number, beginsHeld: boolean): Promise<void> {
    for (let admitted = 0; admitted < this.#job.calls; ) {
      const held = beginsHeld && this.#firstWindow === undefined;
      const denial = await this.#call(randomCall(random), held);
      if (denial === undefined) admitted++;
      else if (this.#isInSecondWindow(denial)) break;
    }
    this.#nextWindow.resolve();
  }

  /** By the store's clock; a slow machine may miss it, and then waits longer for the second window. */
  async #endOfWindow(): Promise<void> {
    const [limit] = this.#job.limits;
    const left = async () => {
      const { now } = await this.#store.read([]);
      return limit === undefined ? 0 : windowAt(limit, now).end - now;
    };
    while ((await left()) > LATE) await pause(5);
  }

  #isInSecondWindow({ resetAt }: QuotaExceeded): boolean {
    const windowEnds = resetAt?.getTime() ?? 0;
    this.#firstWindow ??= windowEnds;
    return windowEnds > this.#firstWindow;
  }

  /** What it was denied with, if it was. */
  async #call(call: Call, held = false): Promise<QuotaExceeded | undefined> {
    try {
      await underWay.run({ call, held, attempts: 0, admitted: undefined }, () => this.#send(call));
      return undefined;
    } catch (error) {
      if (error instanceof QuotaExceeded) return error;
      const last = call.answers.at(-1);
      if (last !== undefined && FAILING.has(last.kind)) return undefined;
      throw error;
    }
  }

  async #send({ user, words, most, answers }: Call): Promise<void> {
    const { completions } = this.#clientOf(user).chat;
    const body = {
      model: MODEL,
      messages: [{ role: 'user' as const, content: PIECE.repeat(words) }],
      max_completion_tokens: most,
    };
    const options = { maxRetries: answers.length - 1 };
    const [answer] = answers;
    if (answer === undefined || !STREAMED.has(answer.kind)) {
      await completions.create(body, options);
      return;
    }
    let pieces = 0;
    for await (const chunk of await completions.create({ ...body, stream: true }, options)) {
      if (chunk.choices[0]?.delta.content) pieces++;
      if (answer.kind === 'left' && pieces === answer.tokens) break;
    }
  }

  /** The upstream: answers the attempt that the current call has been admitted for. */
  async #answer(init: RequestInit | undefined): Promise<Response> {
    const current = currentCall();
    const { call, held, admitted = 'none' } = current;
    const answer = call.answers[current.attempts++] ?? { kind: 'silent' };
    const { billed: bills, decisions } = this.#store.trace;
    bills.set(admitted, billed(call, answer));
    current.admitted = undefined;
    if (bills.size === this.#job.lanes) this.#allSent.resolve();
    if (held) await this.#nextWindow.promise;
    // A few turns of the event loop, in no regular way, so that many calls are under way at once.
    for (let turns = decisions.length % 4; turns > 0; turns--) await turn();
    return respond(answer, init);
  }

  #clientOf(user: string): GovernedOpenAI {
    const known = this.#clients.get(user);
    if (known !== undefined) return known;
    const client = this.#openai.withCaller({ key: user });
    this.#clients.set(user, client);
    return client;
  }
}
