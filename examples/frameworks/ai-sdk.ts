/**
 * The AI SDK under a budget: its OpenAI provider takes a `fetch`.
 *
 *     npm run build && node examples/frameworks/ai-sdk.ts
 */
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, embed, generateText, isStepCount, streamText, tool } from 'ai';
import { Budget, governFetch } from 'governed-openai';
import { z } from 'zod';
import { type Api, type Print, run, spent } from './api.ts';

const weather = tool({
  description: 'The weather in a city now',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `18 degrees and sunny in ${city}`,
});

export async function main(api: Api, print: Print = console.log): Promise<Budget> {
  const budget = new Budget({ limits: [{ tokens: 1_000, per: 'day' }] });
  const openai = createOpenAI({ ...api, fetch: governFetch(globalThis.fetch, budget) });
  // The AI SDK takes every 429 for one that passes, and asks twice more: after `retry-after` if that is less than a
  // minute, else after 2 and 4 seconds. Nothing is sent, but a quota that is spent is not back by then.
  const settings = { maxOutputTokens: 100, maxRetries: 0 };
  print(`before: ${await spent(budget)}`);

  for (const model of [openai.chat('gpt-4o-mini'), openai.responses('gpt-4o-mini')]) {
    const { text } = await generateText({ model, prompt: 'Say hello in five languages.', ...settings });
    print(`${model.provider} generateText: ${text}`);

    let streamed = '';
    const { textStream } = streamText({ model, prompt: 'Count to ten, slowly.', ...settings });
    for await (const piece of textStream) streamed += piece;
    print(`${model.provider} streamText: ${streamed}`);

    const prompt = 'What is the weather in Paris?';
    const report = await generateText({
      model,
      prompt,
      tools: { weather },
      stopWhen: isStepCount(3),
      ...settings,
    });
    print(`${model.provider} tool: ${report.text}`);
  }
  const model = openai.embedding('text-embedding-3-small');
  const { embedding } = await embed({ model, value: 'a budget shared by all workers', maxRetries: 0 });
  print(`embedding: ${embedding.length} numbers`);
  print(`after: ${await spent(budget)}`);

  const tooMuch = {
    model: openai('gpt-4o-mini'),
    prompt: 'Tell me everything.',
    ...settings,
    maxOutputTokens: 900,
  };
  try {
    await generateText(tooMuch);
  } catch (error) {
    print(`generateText denied: ${describe(error)}`);
  }
  // A stream tells of it in the stream: `textStream` only ends, without a text.
  const { textStream } = streamText({
    ...tooMuch,
    onError: ({ error }) => print(`streamText denied: ${describe(error)}`),
  });
  for await (const piece of textStream) print(piece);
  print(`after the denials: ${await spent(budget)}`);
  return budget;
}

function describe(error: unknown): string {
  if (!APICallError.isInstance(error)) throw error;
  return `${error.name}, ${error.statusCode}, retry-after ${error.responseHeaders?.['retry-after']} s`;
}

if (process.argv[1] === import.meta.filename) await run(main);
