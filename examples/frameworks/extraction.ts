/**
 * Structured extraction that asks again until the answer is valid, as the instructor libraries do: each attempt is a
 * call under the budget.
 *
 *     npm run build && node examples/frameworks/extraction.ts
 */
import { Budget, GovernedOpenAI, QuotaExceeded } from 'governed-openai';
import type { OpenAI } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import type { ChatCompletionMessageParam } from 'openai/resources';
import { z } from 'zod';
import { type Api, type Print, run, spent } from './api.ts';

/** The form, which the API itself ensures. */
const Receipt = z.object({
  items: z.array(z.object({ name: z.string(), euros: z.number() })),
  total: z.number(),
});

/** And what no JSON schema can say. */
const ValidReceipt = Receipt.refine(
  ({ items, total }) => items.reduce((sum, { euros }) => sum + euros, 0) === total,
  { path: ['total'], message: 'must be the sum of the items' },
);

interface ExtractOptions {
  /** Calls to make at most. */
  readonly attempts: number;
  /** Told how many characters have come, as they do; if it is given, answers are streamed. */
  readonly onProgress?: (characters: number) => void;
}

/** @throws ZodError if the last attempt is not valid, QuotaExceeded if the next one does not fit into the budget */
async function extract(openai: OpenAI, text: string, { attempts, onProgress }: ExtractOptions) {
  const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: `Extract the receipt: ${text}` }];
  for (let attempt = 1; ; attempt += 1) {
    const request = {
      model: 'gpt-4o-mini',
      messages,
      max_completion_tokens: 100,
      response_format: zodResponseFormat(Receipt, 'receipt'),
    };
    const completion = onProgress
      ? await openai.chat.completions
          .stream(request)
          .on('content', (_delta, soFar) => onProgress(soFar.length))
          .finalChatCompletion()
      : await openai.chat.completions.parse(request);
    const message = completion.choices[0]?.message;
    const { success, data, error } = ValidReceipt.safeParse(message?.parsed);
    if (success) return { receipt: data, attempt };
    if (attempt >= attempts) throw error;
    messages.push(
      { role: 'assistant', content: message?.content ?? '' },
      { role: 'user', content: `Correct this: ${z.prettifyError(error)}` },
    );
  }
}

export async function main(api: Api, print: Print = console.log): Promise<Budget> {
  const budget = new Budget({
    limits: [
      { tokens: 2_000, per: 'day' },
      { requests: 5, per: 'day' },
    ],
  });
  const openai = new GovernedOpenAI({ ...api, budget });
  const text = 'a coffee for 3 euros and a cake for 5';
  print(`before: ${await spent(budget)}`);

  const { receipt, attempt } = await extract(openai, text, { attempts: 3 });
  print(`total ${receipt.total}, valid at attempt ${attempt}`);
  print(await spent(budget));

  let characters = 0;
  const onProgress = (soFar: number) => {
    characters = soFar;
  };
  const streamed = await extract(openai, text, { attempts: 3, onProgress });
  print(
    `total ${streamed.receipt.total}, valid at attempt ${streamed.attempt}, ${characters} characters streamed`,
  );
  print(`after: ${await spent(budget)}`);

  try {
    for (;;) await extract(openai, text, { attempts: 3 });
  } catch (error) {
    if (!(error instanceof QuotaExceeded)) throw error;
    print(
      `denied: ${error.name}, ${error.status} ${error.code}, ${error.limit}, ${error.remaining} remain of ${error.max}`,
    );
  }
  print(`after the denial: ${await spent(budget)}`);
  return budget;
}

if (process.argv[1] === import.meta.filename) await run(main);
