/**
 * The main job, end to end: chat, streamed chat, embeddings and image calls under a small budget, until it is spent.
 * Runs against a mock of the API on this machine, or against the real one if OPENAI_API_KEY is set.
 *
 *     npm run demo
 */
import { LLMock } from '@copilotkit/aimock';
import Table from 'cli-table3';
import { GovernedOpenAI, QuotaExceeded, type Usage } from 'governed-openai';

const mock = process.env['OPENAI_API_KEY'] ? undefined : await startMock();
const openai = new GovernedOpenAI({
  ...(mock && { apiKey: 'mock', baseURL: `${mock.url}/v1` }),
  budget: {
    key: 'team-search',
    limits: [
      { tokens: 500, per: 'minute' },
      { images: 2, per: 'day' },
      { cost: 0.1, per: 'month', name: 'spend' },
    ],
  },
});

const table = new Table({
  style: { head: [], border: [] },
  head: [
    'call',
    'tokens estimated',
    'used',
    'dollars estimated',
    'used',
    'tokens left',
    'images left',
    'dollars left',
  ],
});
let call = '';
let settled: { estimate: Usage; usage: Usage } | undefined;
openai.budget.on('settled', (event) => {
  settled = event;
});

async function run(name: string, work: () => Promise<unknown>): Promise<void> {
  call = name;
  await work();
  const left = (await openai.budget.usage()).map(({ unit, remaining }) =>
    unit === 'cost' ? dollars(remaining) : remaining,
  );
  const { estimate, usage } = settled ?? {};
  table.push([name, estimate?.tokens, usage?.tokens, dollars(estimate?.cost), dollars(usage?.cost), ...left]);
}

function dollars(amount: number | undefined): string {
  return (amount ?? 0).toFixed(6);
}

try {
  await run('chat', () =>
    openai.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'Say hello in five languages.' }],
      max_completion_tokens: 60,
    }),
  );
  await run('streamed chat', async () => {
    const stream = await openai.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'Count to ten, slowly.' }],
      max_completion_tokens: 60,
      stream: true,
    });
    for await (const _ of stream);
  });
  await run('embeddings', () =>
    openai.embeddings.create({
      model: 'text-embedding-3-small',
      input: ['a budget', 'shared by all workers'],
    }),
  );
  await run('image', () =>
    openai.images.generate({
      model: 'gpt-image-1',
      prompt: 'a piggy bank',
      quality: 'low',
      size: '1024x1024',
    }),
  );
  await run('chat, too long', () =>
    openai.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'Tell me everything.' }],
      max_completion_tokens: 400,
    }),
  );
} catch (error) {
  if (!(error instanceof QuotaExceeded)) throw error;
  console.log(table.toString());
  console.log(`\n'${call}' was refused before it was sent:\n\n${error.name}: ${error.message}\n`);
  const { headers: _headers, error: _body, requestID: _requestID, name: _name, ...fields } = error;
  console.log(fields);
  console.log('headers', Object.fromEntries(error.headers ?? []));
} finally {
  await openai.budget.flush();
  await mock?.stop();
}

/** Answers with a usage such as the real API reports. */
async function startMock(): Promise<LLMock> {
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
  // The mock's own embeddings always report a usage of 0.
  mock.mount('/v1/embeddings', {
    async handleRequest(_request, response) {
      const data = [0, 1].map((index) => ({ object: 'embedding', index, embedding: [0.1, -0.2, 0.3] }));
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ object: 'list', data, usage: { prompt_tokens: 6, total_tokens: 6 } }));
      return true;
    },
  });
  mock.onImage(/./, { image: { b64Json: 'iVBORw0KGgo=' } });
  await mock.start();
  return mock;
}
