import { Budget } from '../../src/budget.ts';
import { type Fetch, governFetch } from '../../src/governed-fetch.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { Agenda } from './agenda.ts';
import { ApiAccount, type ApiLimits } from './api-account.ts';

/** A number made of a random one from 0 to 1. */
export type Draw = (random: () => number) => number;

/** Workers that share a budget and use an account of the API, in simulated time. */
export interface Scenario {
  readonly limits: ApiLimits;
  readonly workers: number;
  /** How long it goes on, in periods of the limits. */
  readonly periods: number;
  /** What the workers want to make together. */
  readonly callsPerPeriod: number;
  /** Tokens of the prompt of a call, as we count them. */
  readonly prompt: Draw;
  /** What the API takes for one of them. */
  readonly factor: Draw;
  /** Milliseconds until a call reaches the API. */
  readonly transit: Draw;
  /** Milliseconds from there to the answer. */
  readonly latency: Draw;
  /** Share of the limits that others use, at a share of the time; default: nothing. */
  readonly elsewhere?: ((time: number) => number) | undefined;
  readonly seed: number;
}

export interface SimulationResult {
  /** Of the limit that was the tighter one: what was used, of what full buckets and their refill could give. */
  readonly share: number;
  /** 429s of the API. */
  readonly refused: number;
  readonly calls: number;
}

/** One token. */
const WORD = ' yes';
/** Milliseconds that a 429 takes. */
const REFUSAL_LATENCY = 20;
/** A call that waits tries again after so many milliseconds at most, as in a line of calls that wait. */
const RETRY = 1_000;
/** Others use the account in so many steps a period. */
const STEPS = 600;

export async function simulate(scenario: Scenario): Promise<SimulationResult> {
  const { limits, workers, periods, callsPerPeriod } = scenario;
  const random = mulberry32(scenario.seed);
  const clock = new ManualClock();
  const start = clock.now;
  const end = start + periods * limits.periodMs;
  const agenda = new Agenda(clock);
  const account = new ApiAccount(limits);
  const store = new MemoryStore();
  let calls = 0;
  let usedElsewhere = 0;

  const api: Fetch = async (_input, init) => {
    await agenda.pause(scenario.transit(random));
    const words = String(init?.body).split(WORD).length - 1;
    const tokens = Math.ceil(words * scenario.factor(random));
    const answer = account.ask('gpt-4o', tokens, clock.now);
    await agenda.pause(answer.status === 200 ? scenario.latency(random) : REFUSAL_LATENCY);
    if (answer.status === 200) calls++;
    return Response.json(answer.body, answer);
  };

  const work = async () => {
    // Calls that wait wait here, in simulated time.
    const budget = new Budget({ store, clock: clock.read, upstream: 'observe', maxWait: 0 });
    // Loading takes real time, in which simulated time must not pass.
    await budget.ready('gpt-4o');
    const queue: number[] = [];
    let isServing = false;
    let isFirst = true;
    const serve = async () => {
      if (isServing) return;
      isServing = true;
      for (let words = queue[0]; words !== undefined; words = queue[0]) {
        const { sent, answered } = send(budget, api, words);
        // Others wait for the first answer.
        if (isFirst) await answered;
        isFirst = false;
        const waitMs = await sent;
        if (waitMs === undefined) queue.shift();
        else await agenda.pause(Math.min(RETRY, waitMs) * (1 + random() / 10));
      }
      isServing = false;
    };
    const arrive = () => {
      queue.push(Math.max(1, Math.round(scenario.prompt(random))));
      void serve();
      const between = (limits.periodMs * workers) / callsPerPeriod;
      agenda.add(-Math.log(1 - random()) * between, arrive);
    };
    agenda.add(random() * 100, arrive);
  };

  const useElsewhere = () => {
    const share = (scenario.elsewhere?.((clock.now - start) / (end - start)) ?? 0) / STEPS;
    usedElsewhere += share;
    account.useElsewhere(share * limits.requests, share * limits.tokens, clock.now);
    agenda.add(limits.periodMs / STEPS, useElsewhere);
  };

  for (let worker = 0; worker < workers; worker++) await work();
  if (scenario.elsewhere !== undefined) useElsewhere();
  await agenda.run(end);
  const { requests, tokens } = account.admitted;
  const used = Math.max(requests / limits.requests, tokens / limits.tokens);
  return { share: (used + usedElsewhere) / (periods + 1), refused: account.refused, calls };
}

/** `sent`: undefined when the call is sent, else the milliseconds after which it may fit. */
function send(budget: Budget, api: Fetch, words: number) {
  const { promise: sent, resolve, reject } = Promise.withResolvers<number | undefined>();
  const fetch = governFetch((input, init) => {
    resolve(undefined);
    return api(input, init);
  }, budget);
  const body = JSON.stringify({
    model: 'gpt-4o',
    messages: [{ role: 'user', content: WORD.repeat(words) }],
  });
  const answered = fetch('http://api/v1/chat/completions', { method: 'POST', body }).then(
    async (response) => {
      if (response.headers.get('x-should-retry') === 'false')
        resolve(Number(response.headers.get('retry-after-ms')));
      await response.text();
    },
  );
  answered.catch(reject);
  return { sent, answered };
}

/** A sequence of random numbers from 0 to 1 that is the same for the same seed. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
