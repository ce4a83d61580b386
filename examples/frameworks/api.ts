/** What the examples share: the API that they call, and a budget in a line. */
import { LLMock } from '@copilotkit/aimock';
import type { Budget } from 'governed-openai';

export interface Api {
  readonly apiKey: string;
  readonly baseURL: string;
}

export type Print = (line: string) => void;

/** Runs an example: against the real API if OPENAI_API_KEY is set, else against a mock of it on this machine. */
export async function run(main: (api: Api) => Promise<unknown>): Promise<void> {
  const apiKey = process.env['OPENAI_API_KEY'];
  if (apiKey) {
    await main({ apiKey, baseURL: process.env['OPENAI_BASE_URL'] ?? 'https://api.openai.com/v1' });
    return;
  }
  const mock = await startMock();
  try {
    await main({ apiKey: 'mock', baseURL: `${mock.url}/v1` });
  } finally {
    await mock.stop();
  }
}

/** What was used of each limit. */
export async function spent(budget: Budget, key?: string): Promise<string> {
  await budget.flush();
  return (await budget.usage(key)).map(({ limit, used, max }) => `${used} of ${max} ${limit}`).join(', ');
}

/** Knows the questions of the examples, and answers with a usage such as the real API reports. */
export async function startMock(): Promise<LLMock> {
  const mock = new LLMock({ port: 0 });
  const usage = (prompt_tokens: number, completion_tokens: number) => ({ prompt_tokens, completion_tokens });
  mock.onMessage('Say hello in five languages.', {
    content: 'Hello, bonjour, hallo, hola, ciao.',
    usage: usage(13, 12),
  });
  mock.onMessage('Count to ten, slowly.', {
    content: 'One... two... three... four... five... six... seven... eight... nine... ten.',
    usage: usage(14, 30),
  });
  const weather = { userMessage: 'What is the weather in Paris?' };
  mock.on(
    { ...weather, hasToolResult: false },
    { toolCalls: [{ name: 'weather', arguments: { city: 'Paris' } }], usage: usage(60, 15) },
  );
  mock.on({ ...weather, hasToolResult: true }, { content: 'It is sunny in Paris.', usage: usage(90, 8) });
  const items = [
    { name: 'coffee', euros: 3 },
    { name: 'cake', euros: 5 },
  ];
  mock.onMessage(/^Extract/, { content: { items, total: 9 }, usage: usage(110, 25) });
  mock.onMessage(/^Correct/, { content: { items, total: 8 }, usage: usage(160, 25) });
  // The mock's own embeddings always report a usage of 0.
  mock.mount('/v1/embeddings', {
    async handleRequest(_request, response) {
      const data = [{ object: 'embedding', index: 0, embedding: [0.1, -0.2, 0.3] }];
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ object: 'list', data, usage: { prompt_tokens: 6, total_tokens: 6 } }));
      return true;
    },
  });
  await mock.start();
  return mock;
}
