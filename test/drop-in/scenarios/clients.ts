import { OpenAI } from 'openai';
import { events, failure, json } from '../answers.ts';
import { COMPLETION, chat, collect, HELLO, STREAMED } from '../bodies.ts';
import { shown } from '../plain.ts';
import type { Scenario, Side } from '../run.ts';

type Options = Awaited<Parameters<OpenAI['request']>[0]>;
type Built = ReturnType<OpenAI['buildRequest']>;

const one = json(COMPLETION);
const stream = events(chat(['Hello']));

/** What an app's own class makes of one call after another; the first is retried. */
function subclass(make: (side: Side) => typeof OpenAI): Scenario {
  return {
    answers: [failure(500), one, stream, json({ object: 'list', data: [{ id: 'a' }] })],
    run: async (side) => {
      const openai = new (make(side))(side.options({ maxRetries: 1 }));
      side.note('class', [openai instanceof OpenAI, openai.constructor.name]);
      side.note('completion', await openai.chat.completions.create(HELLO));
      side.note('stream', await collect(await openai.chat.completions.create(STREAMED)));
      side.note('list', await collect(openai.models.list()));
      const derived = openai.withOptions({ timeout: 9_000 });
      side.note('derived', [derived.constructor.name, derived.timeout, derived.maxRetries]);
    },
    noWaits: true,
  };
}

const subclasses: Record<string, Scenario> = {
  'a subclass': subclass(({ Client }) => class Ours extends Client {}),
  'a subclass with fields and methods': subclass(
    ({ Client, note }) =>
      class Ours extends Client {
        readonly #secret = 'a';
        readonly team = 'search';

        override withOptions(options: Parameters<OpenAI['withOptions']>[0]): this {
          note('withOptions', [options, this.#secret, this.team]);
          return super.withOptions(options);
        }
      },
  ),
  prepareOptions: subclass(
    ({ Client, note }) =>
      class Ours extends Client {
        protected override async prepareOptions(options: Options): Promise<void> {
          note('prepareOptions', [options.method, options.path, options.body, options.fetchOptions]);
          await super.prepareOptions(options);
          Object.assign(options, { headers: { 'x-ours': 'a' }, query: { ours: 'b' } });
        }
      },
  ),
  'prepareOptions that changes the body': subclass(
    ({ Client }) =>
      class Ours extends Client {
        protected override async prepareOptions(options: Options): Promise<void> {
          if (options.body != null) Object.assign(options, { body: { ...options.body, user: 'u' } });
          await super.prepareOptions(options);
        }
      },
  ),
  'prepareOptions without its super': subclass(
    ({ Client }) =>
      class Ours extends Client {
        protected override async prepareOptions(options: Options): Promise<void> {
          Object.assign(options, { headers: { 'x-ours': 'a' } });
        }
      },
  ),
  'prepareOptions that throws': {
    answers: [one],
    run: ({ Client, options }) => {
      class Ours extends Client {
        protected override async prepareOptions(): Promise<void> {
          throw new RangeError('not today');
        }
      }
      return new Ours(options({ maxRetries: 2 })).chat.completions.create(HELLO);
    },
    outcomes: [],
  },
  prepareRequest: subclass(
    ({ Client, note }) =>
      class Ours extends Client {
        protected override async prepareRequest(
          request: RequestInit,
          { url, options }: { url: string; options: Options },
        ): Promise<void> {
          note('prepareRequest', [
            url,
            request.method,
            Object.keys(request),
            options.method,
            options.path,
            options.body,
          ]);
          (request.headers as Headers).set('x-ours', 'a');
        }
      },
  ),
  'prepareRequest that throws': {
    answers: [one],
    run: ({ Client, options }) => {
      class Ours extends Client {
        protected override async prepareRequest(): Promise<void> {
          throw new RangeError('not today');
        }
      }
      return new Ours(options({ maxRetries: 2 })).chat.completions.create(HELLO);
    },
    outcomes: ['refunded'],
  },
  buildRequest: subclass(
    ({ Client }) =>
      class Ours extends Client {
        override async buildRequest(options: Options, props?: { retryCount?: number }): Built {
          const built = await super.buildRequest(options, props);
          built.req.headers.set('x-ours', 'a');
          return { ...built, req: { ...built.req } };
        }
      },
  ),
  'buildRequest of other options': subclass(
    ({ Client }) =>
      class Ours extends Client {
        override buildRequest(options: Options, props?: { retryCount?: number }): Built {
          return super.buildRequest({ ...options, headers: { 'x-ours': 'a' } }, props);
        }
      },
  ),
  fetchWithTimeout: subclass(
    ({ Client, note }) =>
      class Ours extends Client {
        override async fetchWithTimeout(...args: Parameters<OpenAI['fetchWithTimeout']>): Promise<Response> {
          note('fetchWithTimeout', [args[0], args[1]?.method, args[2]]);
          const response = await super.fetchWithTimeout(...args);
          note('status', response.status);
          return response;
        }
      },
  ),
  'fetchWithTimeout that fetches itself': subclass(
    ({ Client }) =>
      class Ours extends Client {
        override async fetchWithTimeout(
          ...[url, init]: Parameters<OpenAI['fetchWithTimeout']>
        ): Promise<Response> {
          const response = await super.fetchWithTimeout(url, init, 600_000, new AbortController());
          return new Response(response.body, { status: response.status, headers: response.headers });
        }
      },
  ),
  authHeaders: subclass(
    ({ Client, note }) =>
      class Ours extends Client {
        protected override async authHeaders(...args: Parameters<OpenAI['authHeaders' & keyof OpenAI]>) {
          note('authHeaders');
          const parent = Reflect.get(Client.prototype, 'authHeaders') as (
            ...given: unknown[]
          ) => Promise<undefined>;
          return parent.apply(this, args);
        }
      },
  ),
  'buildURL and defaultIdempotencyKey': subclass(
    ({ Client }) =>
      class Ours extends Client {
        override buildURL(...[path, ...rest]: Parameters<OpenAI['buildURL']>): string {
          return super.buildURL(`/ours${path}`, ...rest);
        }

        protected override defaultIdempotencyKey(): string {
          return 'ours';
        }
      },
  ),
  request: subclass(
    ({ Client, note }) =>
      class Ours extends Client {
        override request<Rsp>(...[options, retries]: Parameters<OpenAI['request']>) {
          note('request', [options instanceof Promise, retries]);
          return super.request<Rsp>(options, retries);
        }
      },
  ),
};

export const clients: Record<string, Scenario> = {
  ...subclasses,
  withOptions: {
    answers: [one],
    run: async ({ client, note }) => {
      const openai = client({ defaultHeaders: { 'x-app': 'a' }, organization: 'org-1' });
      const derived = openai.withOptions({ maxRetries: 3, timeout: 5_000, defaultQuery: { a: 'b' } });
      note('derived', [
        derived.maxRetries,
        derived.timeout,
        derived.organization,
        derived.apiKey,
        derived.baseURL,
      ]);
      note('first', await derived.chat.completions.create(HELLO));
      note(
        'second',
        await derived.withOptions({ defaultHeaders: { 'x-app': 'c' } }).chat.completions.create(HELLO),
      );
      note('of the first', await openai.chat.completions.create(HELLO));
    },
  },
  'withOptions with another fetch': {
    answers: [one],
    run: async ({ client, note }) => {
      const derived = client().withOptions({
        fetch: (input, init) => {
          note('fetch');
          return fetch(input, init);
        },
      });
      return derived.chat.completions.create(HELLO);
    },
  },
  'two clients': {
    answers: [one, stream],
    run: async ({ client, note }) => {
      note('first', await client({ apiKey: 'sk-a' }).chat.completions.create(HELLO));
      note('second', await collect(await client({ apiKey: 'sk-b' }).chat.completions.create(STREAMED)));
    },
  },
  'many calls at once': {
    answers: [one],
    run: async ({ client }) => {
      const openai = client();
      return Promise.all(Array.from({ length: 20 }, () => openai.chat.completions.create(HELLO)));
    },
  },
  'the fields of a client': {
    answers: [one],
    run: async ({ client, note }) => {
      note('keys of the client', Object.keys(client()));
      const { apiKey, baseURL, organization, project, maxRetries, timeout, logLevel, fetchOptions } =
        client();
      return { apiKey, baseURL, organization, project, maxRetries, timeout, logLevel, fetchOptions };
    },
  },
  'a method of a resource on its own': {
    answers: [one],
    run: ({ client }) => {
      const { completions } = client().chat;
      return completions.create.call(completions, HELLO);
    },
  },
  'the classes of errors': {
    answers: [one],
    run: async ({ Client }) =>
      Object.keys(OpenAI).map((name) => [name, Reflect.get(Client, name) === Reflect.get(OpenAI, name)]),
  },
  'no credentials': {
    answers: [one],
    run: async ({ Client, options }) => new Client({ ...options(), apiKey: null as never }),
    outcomes: [],
  },
  'in a browser, which is refused': {
    answers: [one],
    run: async ({ client }) => {
      const browser = { window: { document: {} }, navigator: {} };
      const before = Object.keys(browser).map(
        (name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const,
      );
      for (const [name, value] of Object.entries(browser)) {
        Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
      }
      Object.defineProperty(globalThis, 'document', { value: {}, configurable: true });
      try {
        return shown(client().baseURL);
      } finally {
        Reflect.deleteProperty(globalThis, 'document');
        for (const [name, descriptor] of before) {
          Reflect.deleteProperty(globalThis, name);
          if (descriptor !== undefined) Object.defineProperty(globalThis, name, descriptor);
        }
      }
    },
  },
};
