import { createContext, type Module, SourceTextModule } from 'node:vm';
import { chatChunks, chatCompletion, chatUsage } from '../support/upstream.ts';
import { bundleWorker } from './build.ts';

/**
 * A process of its own (with `--experimental-vm-modules`) that runs the bundled Worker where there is nothing but the
 * language and the web's own globals, and tells what its calls came to.
 */

/** Of Node's globals those that every such runtime has. */
const WEB = {
  AbortController,
  AbortSignal,
  Blob,
  Event,
  EventTarget,
  File,
  FormData,
  Headers,
  ReadableStream,
  Request,
  Response,
  TextDecoder,
  TextEncoder,
  TransformStream,
  URL,
  URLSearchParams,
  WritableStream,
  atob,
  btoa,
  clearTimeout,
  console,
  performance,
  queueMicrotask,
  structuredClone,
};

/** A Worker may do none of this before its first request. */
let started = false;
function later<A extends unknown[], R>(name: string, operate: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    if (started) return operate(...args);
    throw new Error(`disallowed operation called within global scope: ${name}`);
  };
}

const sent: unknown[] = [];
async function upstream(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const body = JSON.parse(String(init?.body)) as { stream?: boolean };
  sent.push({ url: String(input), body });
  if (body.stream !== true) return Response.json(chatCompletion(chatUsage(9, 4)));
  const events = chatChunks(['Hel', 'lo'], chatUsage(9, 2));
  const text = [...events.map((event) => JSON.stringify(event)), '[DONE]'].map((data) => `data: ${data}\n\n`);
  return new Response(text.join(''), { headers: { 'content-type': 'text/event-stream' } });
}

const context = createContext(
  {
    ...WEB,
    fetch: later('fetch', upstream),
    setTimeout: later('setTimeout', setTimeout),
    setInterval: later('setInterval', setInterval),
    crypto: {
      subtle: crypto.subtle,
      randomUUID: later('randomUUID', () => crypto.randomUUID()),
      getRandomValues: later('getRandomValues', (bytes: Uint8Array<ArrayBuffer>) =>
        crypto.getRandomValues(bytes),
      ),
    },
  },
  { codeGeneration: { strings: false, wasm: false } },
);

const { chunks } = await bundleWorker('src', 'bundle');
const loaded = new Map<string, SourceTextModule>();
function load(specifier: string): SourceTextModule {
  const name = specifier.replace(/^\.\//, '');
  const text = chunks.find((chunk) => chunk.name === name)?.text;
  if (text === undefined) throw new Error(`${specifier} is imported, and is not in the bundle`);
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const module = new SourceTextModule(text, {
    context,
    identifier: name,
    importModuleDynamically: evaluated,
  });
  loaded.set(name, module);
  return module;
}
async function evaluated(specifier: string): Promise<Module> {
  const module = load(specifier);
  if (module.status === 'unlinked') await module.link((name) => load(name));
  await module.evaluate();
  return module;
}

const { default: worker } = (await evaluated('worker.js')).namespace as {
  default: { fetch(request: Request, env: object): Promise<Response> };
};
const atStart = [...loaded.keys()];
started = true;

const env = { OPENAI_API_KEY: 'sk-test', baseURL: 'https://api.example.com/v1' };
const call = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 20 };
async function ask(path: string, user: string, body?: object): Promise<unknown> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const request = new Request(`https://worker.example.com${path}`, { ...init, headers: { 'x-user': user } });
  const response = await worker.fetch(request, env);
  const text = await response.text();
  return [response.status, JSON.parse(text)];
}

const told = {
  atStart,
  chat: [await ask('/', 'ann', call), await ask('/usage', 'ann')],
  again: await ask('/', 'ann', call),
  denied: await ask('/', 'ann', call),
  stream: [await ask('/stream', 'bob'), await ask('/usage', 'bob')],
  fetch: [
    await ask('/fetch', 'eve', call),
    await ask('/usage', 'eve'),
    await ask('/fetch', 'eve', { ...call, n: 99 }),
  ],
  later: [...loaded.keys()].filter((name) => !atStart.includes(name)),
  sent: sent.length,
};
process.stdout.write(JSON.stringify(told));
