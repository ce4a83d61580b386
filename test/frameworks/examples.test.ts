import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Budget } from 'governed-openai';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { main as agents } from '../../examples/frameworks/agents.ts';
import { main as aiSdk } from '../../examples/frameworks/ai-sdk.ts';
import type { Api, Print } from '../../examples/frameworks/api.ts';
import { main as extraction } from '../../examples/frameworks/extraction.ts';
import { main as hono } from '../../examples/frameworks/hono.ts';
import { main as langchain } from '../../examples/frameworks/langchain.ts';
import { type RecordedApi, startRecordedApi } from './recorder.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** Half a day before the quotas of the examples are renewed. */
const NOON = Date.UTC(2026, 10, 21, 12);
const HELLO = 'Hello, bonjour, hallo, hola, ciao.';
const COUNT = 'One... two... three... four... five... six... seven... eight... nine... ten.';

/** Runs an example as a user would, at noon; the lines that it printed. */
async function linesOf(example: string): Promise<string[]> {
  const { OPENAI_API_KEY: _key, ...env } = process.env;
  const noon = `data:text/javascript,Date.now = () => ${NOON}`;
  const args = ['--import', noon, `examples/frameworks/${example}.ts`];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

const PRINTED: readonly (readonly [example: string, lines: readonly (string | RegExp)[]])[] = [
  [
    'langchain',
    [
      'before: 0 of 1000 tokens per day',
      `invoke: ${HELLO}`,
      `stream: ${COUNT}`,
      'tool: It is sunny in Paris.',
      'embedding: 3 numbers',
      'after: 248 of 1000 tokens per day',
      'denied: InsufficientQuotaError, 429 insufficient_quota, retry-after 43200 s',
      'after the denial: 248 of 1000 tokens per day',
    ],
  ],
  [
    'ai-sdk',
    [
      'before: 0 of 1000 tokens per day',
      ...['openai.chat', 'openai.responses'].flatMap((provider) => [
        `${provider} generateText: ${HELLO}`,
        `${provider} streamText: ${COUNT}`,
        `${provider} tool: It is sunny in Paris.`,
      ]),
      'embedding: 3 numbers',
      'after: 490 of 1000 tokens per day',
      'generateText denied: AI_APICallError, 429, retry-after 43200 s',
      'streamText denied: AI_APICallError, 429, retry-after 43200 s',
      'after the denials: 490 of 1000 tokens per day',
    ],
  ],
  [
    'agents',
    [
      'before: 0 of 1000 tokens per day',
      ...['responses', 'chat_completions'].flatMap((endpoint) => [
        `${endpoint}, 2 rounds: It is sunny in Paris.`,
        `${endpoint}, 2 rounds, streamed: It is sunny in Paris.`,
      ]),
      'after: 692 of 1000 tokens per day',
      'denied: QuotaExceeded, 429 insufficient_quota, tokens per day, 308 remain of 1000',
      'stream denied: QuotaExceeded, 429 insufficient_quota, tokens per day, 308 remain of 1000',
      'after the denials: 692 of 1000 tokens per day',
    ],
  ],
  [
    'extraction',
    [
      'before: 0 of 2000 tokens per day, 0 of 5 requests per day',
      'total 8, valid at attempt 2',
      '320 of 2000 tokens per day, 2 of 5 requests per day',
      'total 8, valid at attempt 2, 75 characters streamed',
      'after: 640 of 2000 tokens per day, 4 of 5 requests per day',
      'denied: QuotaExceeded, 429 insufficient_quota, requests per day, 0 remain of 5',
      'after the denial: 775 of 2000 tokens per day, 5 of 5 requests per day',
    ],
  ],
  [
    'hono',
    [
      'before: alice 0 of 200 tokens per day',
      /^alice: data: "Hello, .* data: \[DONE\]$/,
      /^alice: data: "One\.\.\. .* data: \[DONE\]$/,
      /^alice: data: "One\.\.\. .* data: \[DONE\]$/,
      /^alice: 429, retry-after 43200, x-ratelimit-limit-tokens 200, x-ratelimit-remaining-tokens 87, x-ratelimit-reset-tokens 12h0m0s, \{"error":\{"message":"You exceeded your current quota for gpt-4o-mini in alice on tokens per day/,
      /^bob: data: "One\.\.\. .* data: \[DONE\]$/,
      'after: alice 113 of 200 tokens per day, bob 44 of 200 tokens per day',
      'alice: 503, retry-after 1, {"error":{"message":"The budget cannot be read at the moment.","type":"service_unavailable","param":null,"code":null}}',
    ],
  ],
];

describe('run by hand', () => {
  test.each(PRINTED)('%s prints its answers, what they used, and its denial', async (example, expected) => {
    const lines = await linesOf(example);
    expect(lines).toEqual(
      expected.map((line) => (typeof line === 'string' ? line : expect.stringMatching(line))),
    );
  });
});

type Main = (api: Api, print: Print) => Promise<Budget>;

const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';
const EMBEDDINGS = '/v1/embeddings';

/** What each example sends; the calls that it makes beyond that are denied. */
const SENT: readonly (readonly [string, Main, keys: readonly string[], sent: readonly string[]])[] = [
  ['langchain', langchain, ['default'], [...times(4, CHAT), EMBEDDINGS]],
  ['ai-sdk', aiSdk, ['default'], [...times(4, CHAT), ...times(4, RESPONSES), EMBEDDINGS]],
  ['agents', agents, ['default'], [...times(4, RESPONSES), ...times(4, CHAT)]],
  ['extraction', extraction, ['default'], times(5, CHAT)],
  ['hono', hono, ['alice', 'bob'], times(4, CHAT)],
];

function times(count: number, path: string): string[] {
  return Array<string>(count).fill(path);
}

describe('against a recording API', () => {
  let api: RecordedApi;
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOON });
    api = await startRecordedApi();
  });
  afterEach(async () => {
    vi.useRealTimers();
    await api.stop();
  });

  test.each(SENT)(
    '%s is charged what the API reports, and sends no denied call',
    async (_, main, keys, sent) => {
      const budget = await main(api, vi.fn());
      expect(api.sent).toEqual(sent);
      const used = await Promise.all(keys.map(async (key) => (await budget.usage(key))[0]?.used ?? 0));
      expect(used.reduce((sum, tokens) => sum + tokens, 0)).toBe(api.tokens);
    },
  );
});
