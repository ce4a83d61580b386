/**
 * LangChain.js under a budget: its models take a `fetch` in their `configuration`.
 *
 *     npm run build && node examples/frameworks/langchain.ts
 */
import { HumanMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { Budget, governFetch } from 'governed-openai';
import { RateLimitError } from 'openai';
import { z } from 'zod';
import { type Api, type Print, run, spent } from './api.ts';

const weather = tool(async ({ city }) => `18 degrees and sunny in ${city}`, {
  name: 'weather',
  description: 'The weather in a city now',
  schema: z.object({ city: z.string() }),
});

export async function main(api: Api, print: Print = console.log): Promise<Budget> {
  const budget = new Budget({ limits: [{ tokens: 1_000, per: 'day' }] });
  const connection = {
    apiKey: api.apiKey,
    configuration: { baseURL: api.baseURL, fetch: governFetch(globalThis.fetch, budget) },
  };
  const chat = new ChatOpenAI({ model: 'gpt-4o-mini', maxTokens: 100, ...connection });
  print(`before: ${await spent(budget)}`);

  const answer = await chat.invoke('Say hello in five languages.');
  print(`invoke: ${answer.text}`);

  let streamed = '';
  for await (const chunk of await chat.stream('Count to ten, slowly.')) streamed += chunk.text;
  print(`stream: ${streamed}`);

  const question = new HumanMessage('What is the weather in Paris?');
  const equipped = chat.bindTools([weather]);
  const request = await equipped.invoke([question]);
  const results = await Promise.all((request.tool_calls ?? []).map((call) => weather.invoke(call)));
  const report = await equipped.invoke([question, request, ...results]);
  print(`tool: ${report.text}`);

  const embeddings = new OpenAIEmbeddings({ model: 'text-embedding-3-small', ...connection });
  const vector = await embeddings.embedQuery('a budget shared by all workers');
  print(`embedding: ${vector.length} numbers`);
  print(`after: ${await spent(budget)}`);

  // LangChain retries 6 times by default, and does right by a denial: it gives up at once on a quota that is spent, as
  // here, and waits for `retry-after` where a rolling limit has room again within a minute (`maxRetries: 0`: never).
  // What is no denial, such as a store that fails, it retries as a lost connection; the `cause` of its error tells.
  const verbose = new ChatOpenAI({ model: 'gpt-4o-mini', maxTokens: 980, ...connection });
  try {
    await verbose.invoke('Tell me everything.');
  } catch (error) {
    if (!(error instanceof RateLimitError)) throw error;
    print(
      `denied: ${error.name}, ${error.status} ${error.code}, retry-after ${error.headers?.get('retry-after')} s`,
    );
  }
  print(`after the denial: ${await spent(budget)}`);
  return budget;
}

if (process.argv[1] === import.meta.filename) await run(main);
