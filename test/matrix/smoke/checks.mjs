/**
 * What an app does with the packed package, in plain JavaScript, for any runtime. It depends on nothing but the modules
 * that it is given: imported or required.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const HELLO = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello!' }], max_tokens: 20 };
const USAGE = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 };
const COMPLETION = {
  id: 'c',
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
  usage: USAGE,
};
const TOKENS = { limits: [{ tokens: 1_000, per: 'day' }] };

const chunk = (content) => ({ id: 'c', choices: [{ index: 0, delta: { content }, finish_reason: null }] });
const sse = (...events) => [
  ...events.map((event) => `data: ${JSON.stringify(event)}\n\n`),
  'data: [DONE]\n\n',
];
const STREAM = sse(chunk('Hel'), chunk('lo'), { id: 'c', choices: [], usage: USAGE });

/** Each event in a chunk of its own. */
function eventStream(texts) {
  const encoder = new TextEncoder();
  let next = 0;
  const body = new ReadableStream({
    pull(controller) {
      const text = texts[next++];
      if (text === undefined) controller.close();
      else controller.enqueue(encoder.encode(text));
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

/**
 * @param governed the module 'governed-openai'
 * @param OpenAI the SDK, as the same module system gives it
 * @param Keyv the class
 */
export function checksOf(governed, OpenAI, Keyv) {
  const { Budget, fileStore, GovernedAzureOpenAI, GovernedOpenAI, governFetch, QuotaExceeded } = governed;
  const client = (answer, more = {}, budget = new Budget(TOKENS)) => {
    const openai = new GovernedOpenAI({ apiKey: 'test', fetch: async () => answer(), budget, ...more });
    return { openai, budget };
  };
  const used = async (budget) => {
    await budget.flush();
    return (await budget.usage())[0].used;
  };

  return {
    async 'a call is charged, the next refused'() {
      const budget = new Budget({ limits: [{ requests: 1, per: 'day' }] });
      const { openai } = client(() => Response.json(COMPLETION), {}, budget);
      assert.equal((await openai.chat.completions.create(HELLO)).choices[0].message.content, 'Hi');
      const error = await openai.chat.completions.create(HELLO).catch((thrown) => thrown);
      assert.ok(error instanceof QuotaExceeded);
      assert.deepEqual([error.status, error.code, error.used], [429, 'insufficient_quota', 1]);
      assert.equal(await used(budget), 1);
    },

    async 'withResponse() and asResponse()'() {
      const { openai, budget } = client(() => Response.json(COMPLETION));
      const { data, response } = await openai.chat.completions.create(HELLO).withResponse();
      assert.deepEqual([data.usage, response.status], [USAGE, 200]);
      assert.deepEqual(
        (await (await openai.chat.completions.create(HELLO).asResponse()).json()).usage,
        USAGE,
      );
      assert.equal(await used(budget), 26);
    },

    async 'a retried call is charged once'() {
      const answers = [
        () => new Response('{}', { status: 500, headers: { 'retry-after-ms': '1' } }),
        () => Response.json(COMPLETION),
      ];
      const { openai, budget } = client(() => answers.shift()());
      await openai.chat.completions.create(HELLO);
      assert.equal(await used(budget), 13);
    },

    async 'a stream is charged, and its usage event hidden'() {
      const { openai, budget } = client(() => eventStream(STREAM));
      const words = [];
      for await (const { choices } of await openai.chat.completions.create({ ...HELLO, stream: true })) {
        words.push(choices[0].delta.content);
      }
      assert.deepEqual(words, ['Hel', 'lo']);
      assert.equal(await used(budget), 13);
    },

    async 'a stream that is left is charged what it delivered'() {
      const { openai, budget } = client(() => eventStream(STREAM));
      for await (const _ of await openai.chat.completions.create({ ...HELLO, stream: true })) break;
      assert.equal(await used(budget), 9 + 1);
    },

    async 'an upload'() {
      const { openai, budget } = client(() =>
        Response.json({
          text: 'hi',
          usage: { type: 'tokens', input_tokens: 7, output_tokens: 2, total_tokens: 9 },
        }),
      );
      const file = new File([new Uint8Array(800)], 'a.mp3', { type: 'audio/mpeg' });
      await openai.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file });
      assert.equal(await used(budget), 9);
    },

    async dollars() {
      const budget = new Budget({ limits: [{ cost: 1, per: 'month' }] });
      const { openai } = client(() => Response.json(COMPLETION), {}, budget);
      await openai.chat.completions.create(HELLO);
      assert.ok((await used(budget)) > 0);
    },

    async Azure() {
      const budget = new Budget(TOKENS);
      const openai = new GovernedAzureOpenAI({
        apiKey: 'test',
        endpoint: 'https://x.openai.azure.com',
        apiVersion: '2024-10-21',
        deployment: 'gpt-4o-mini',
        fetch: async () => Response.json(COMPLETION),
        budget,
      });
      await openai.withCaller({ key: 'user' }).chat.completions.create(HELLO);
      await budget.flush();
      assert.equal((await budget.usage('user'))[0].used, 13);
    },

    async 'governFetch() under the plain SDK'() {
      const budget = new Budget({ limits: [{ requests: 1, per: 'day' }] });
      const openai = new OpenAI({
        apiKey: 'test',
        fetch: governFetch(async () => Response.json(COMPLETION), budget),
      });
      await openai.chat.completions.create(HELLO);
      await assert.rejects(openai.chat.completions.create(HELLO), OpenAI.RateLimitError);
    },

    async 'over the network: a call, a stream, one cut, one left'() {
      let connection;
      const server = createServer((request, response) => {
        const streamed = request.url.includes('stream');
        request.resume().on('end', () => {
          response.setHeader('content-type', streamed ? 'text/event-stream' : 'application/json');
          if (!streamed) response.end(JSON.stringify(COMPLETION));
          else if (request.url.includes('whole')) response.end(STREAM.join(''));
          else response.write(STREAM[0]);
          connection = response;
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address();
      const open = (path) => {
        const budget = new Budget(TOKENS);
        const baseURL = `http://127.0.0.1:${port}/${path}`;
        return { budget, openai: new GovernedOpenAI({ apiKey: 'test', baseURL, budget, maxRetries: 0 }) };
      };
      try {
        const call = open('json');
        await call.openai.chat.completions.create(HELLO);
        assert.equal(await used(call.budget), 13);

        const whole = open('stream/whole');
        for await (const _ of await whole.openai.chat.completions.create({ ...HELLO, stream: true }));
        assert.equal(await used(whole.budget), 13);

        const cut = open('stream/cut');
        const stream = await cut.openai.chat.completions.create({ ...HELLO, stream: true });
        await assert.rejects(async () => {
          for await (const _ of stream) connection.destroy();
        });
        assert.equal(await used(cut.budget), 9 + 1);

        const left = open('stream/left');
        for await (const _ of await left.openai.chat.completions.create({ ...HELLO, stream: true })) break;
        assert.equal(await used(left.budget), 9 + 1);
      } finally {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
    },

    async 'a connection that is refused is refunded'() {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address();
      server.close();
      await once(server, 'close');
      const budget = new Budget(TOKENS);
      const baseURL = `http://127.0.0.1:${port}`;
      const openai = new GovernedOpenAI({ apiKey: 'test', baseURL, budget, maxRetries: 0 });
      await assert.rejects(openai.chat.completions.create(HELLO), { message: 'Connection error.' });
      assert.equal(await used(budget), 0);
    },

    async 'a Keyv instance in memory'() {
      const store = new Keyv();
      const { openai, budget } = client(
        () => Response.json(COMPLETION),
        {},
        new Budget({ ...TOKENS, store }),
      );
      await openai.chat.completions.create(HELLO);
      assert.equal(await used(budget), 13);
      assert.equal(await used(new Budget({ ...TOKENS, store })), 13);
    },

    async 'fileStore()'() {
      const folder = mkdtempSync(join(tmpdir(), 'governed-smoke-'));
      const keyvs = [0, 1].map(() => new Keyv({ store: fileStore(join(folder, 'budget.db')) }));
      try {
        const [mine, theirs] = keyvs.map((store) => new Budget({ ...TOKENS, store }));
        // It waits for a file that another has locked, also where it opens it.
        const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
        const other = new DatabaseSync(join(folder, 'budget.db'));
        other.exec('PRAGMA journal_mode = WAL; BEGIN IMMEDIATE');
        const reserved = mine.reserve({ usage: { tokens: 20 } });
        await new Promise((resolve) => setImmediate(resolve));
        other.exec('COMMIT');
        other.close();
        (await reserved).settle({ tokens: 13 });
        assert.equal(await used(mine), 13);
        assert.equal(await used(theirs), 13);
        await keyvs[0].set('answer', 42);
        assert.equal(await keyvs[1].get('answer'), 42);
      } finally {
        await Promise.all(keyvs.map((keyv) => keyv.disconnect()));
        rmSync(folder, { recursive: true });
      }
    },
  };
}

/**
 * Runs every check, and prints what failed as JSON.
 *
 * @param load imports or requires a package by its name; the entries of the package are this program's arguments
 */
export async function report(load) {
  const [governed, OpenAI, { Keyv }] = await Promise.all(['governed-openai', 'openai', 'keyv'].map(load));
  const checks = Object.entries(checksOf(governed, OpenAI.OpenAI, Keyv));
  for (const entry of process.argv.slice(2)) {
    checks.push([entry, async () => assert.notDeepEqual(Object.keys(await load(entry)), [])]);
  }
  const failures = [];
  for (const [check, run] of checks) {
    try {
      await run();
    } catch (error) {
      failures.push({ check, error: String(error?.message ?? error) });
    }
  }
  console.log(JSON.stringify({ passed: checks.length - failures.length, failures }));
}
