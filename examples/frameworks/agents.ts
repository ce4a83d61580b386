/**
 * The OpenAI Agents SDK under a budget: its default client is a governed one, so each round of an agent is checked and
 * charged.
 *
 *     npm run build && node examples/frameworks/agents.ts
 */
import {
  Agent,
  run as runAgent,
  setDefaultOpenAIClient,
  setOpenAIAPI,
  setTracingDisabled,
  tool,
} from '@openai/agents';
import { Budget, GovernedOpenAI, QuotaExceeded } from 'governed-openai';
import { z } from 'zod';
import { type Api, type Print, run, spent } from './api.ts';

const weather = tool({
  name: 'weather',
  description: 'The weather in a city now',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `18 degrees and sunny in ${city}`,
});

const agent = new Agent({
  name: 'Guide',
  instructions: 'Answer briefly.',
  model: 'gpt-4o-mini',
  modelSettings: { maxTokens: 100 },
  tools: [weather],
});

const QUESTION = 'What is the weather in Paris?';

export async function main(api: Api, print: Print = console.log): Promise<Budget> {
  const budget = new Budget({ limits: [{ tokens: 1_000, per: 'day' }] });
  setDefaultOpenAIClient(new GovernedOpenAI({ ...api, budget }));
  // Traces would be exported to OpenAI, by a client of their own.
  setTracingDisabled(true);
  print(`before: ${await spent(budget)}`);

  for (const endpoint of ['responses', 'chat_completions'] as const) {
    setOpenAIAPI(endpoint);
    const result = await runAgent(agent, QUESTION);
    print(`${endpoint}, ${result.rawResponses.length} rounds: ${result.finalOutput}`);

    let streamed = '';
    const stream = await runAgent(agent, QUESTION, { stream: true });
    for await (const piece of stream.toTextStream()) streamed += piece;
    await stream.completed;
    print(`${endpoint}, ${stream.rawResponses.length} rounds, streamed: ${streamed}`);
  }
  print(`after: ${await spent(budget)}`);

  // The error reaches the app as it is, and is not retried unless the agent's `modelSettings.retry` says so.
  const verbose = agent.clone({ modelSettings: { maxTokens: 900 } });
  try {
    await runAgent(verbose, QUESTION);
  } catch (error) {
    print(`denied: ${describe(error)}`);
  }
  try {
    const stream = await runAgent(verbose, QUESTION, { stream: true });
    for await (const piece of stream.toTextStream()) print(piece);
  } catch (error) {
    print(`stream denied: ${describe(error)}`);
  }
  print(`after the denials: ${await spent(budget)}`);
  return budget;
}

function describe(error: unknown): string {
  if (!(error instanceof QuotaExceeded)) throw error;
  return `${error.name}, ${error.status} ${error.code}, ${error.limit}, ${error.remaining} remain of ${error.max}`;
}

if (process.argv[1] === import.meta.filename) await run(main);
