import { EventEmitter, once } from 'node:events';
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';

/** One request as it came over the wire. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  /** `name: value`, in the order that they came. */
  readonly headers: readonly string[];
  /** Text; of a form, its entries. */
  readonly body: unknown;
}

/** What a request was answered with, as far as a budget is concerned. */
export interface Answered {
  status: number;
  /** The `usage` that the answer reports in whole. */
  usage: unknown;
  /** The images that it holds. */
  images: number;
}

export interface Exchange {
  readonly seen: Seen;
  /** Its body, byte for byte. */
  readonly bytes: Buffer;
  readonly response: ServerResponse;
  /** Resolves when the scenario lets the answer go on: once for each `Server.step()`. */
  step(): Promise<void>;
  reports(usage: unknown, images?: number): void;
}

/** Answers one request; what it leaves open stays open. */
export type Answer = (exchange: Exchange) => void | Promise<void>;

/** A server of one run: it gives its answers in turn, the last again and again, and notes what it was asked. */
export class Server {
  readonly requests: Seen[] = [];
  readonly answered: Answered[] = [];
  readonly #http: HttpServer;
  readonly #answers: readonly Answer[];
  readonly #events = new EventEmitter();
  readonly #closed: Promise<unknown>[] = [];
  #steps = 0;

  private constructor(answers: readonly Answer[]) {
    this.#answers = answers;
    this.#http = createServer((request, response) => void this.#answer(request, response));
    this.#events.setMaxListeners(0);
  }

  static async start(answers: readonly Answer[]): Promise<Server> {
    const server = new Server(answers);
    server.#http.listen(0, '127.0.0.1');
    await once(server.#http, 'listening');
    return server;
  }

  get url(): string {
    const address = this.#http.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    return `http://127.0.0.1:${address.port}`;
  }

  /** Resolves when so many requests have come. */
  async arrived(count: number): Promise<void> {
    while (this.requests.length < count) await once(this.#events, 'request');
  }

  /** Resolves when the answer to this request is over: it was sent in whole, or its connection was closed. */
  async over(index: number): Promise<void> {
    await this.arrived(index + 1);
    await this.#closed[index];
  }

  /** Lets the answer that waits, or the next that will, go one step on. */
  step(): void {
    this.#steps += 1;
    this.#events.emit('step');
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = await bytesOf(request);
    // The app may have gone before its request was read.
    if (bytes === undefined) return;
    const { method = '', url = '' } = request;
    const body = await bodyOf(bytes, request.headers['content-type'] ?? '');
    const seen = { method, url, headers: pairs(request.rawHeaders), body };
    const answered: Answered = { status: 0, usage: undefined, images: 0 };
    this.answered.push(answered);
    this.#closed.push(once(response, 'close'));
    const answer = this.#answers[Math.min(this.requests.length, this.#answers.length - 1)];
    this.requests.push(seen);
    this.#events.emit('request');
    if (answer === undefined) throw new Error('the scenario has no answer');
    response.sendDate = false;
    await answer({
      seen,
      bytes,
      response,
      step: () => this.#step(),
      reports: (usage, images = 0) => Object.assign(answered, { usage, images }),
    });
    answered.status = response.statusCode;
  }

  async #step(): Promise<void> {
    while (this.#steps === 0) await once(this.#events, 'step');
    this.#steps -= 1;
  }
}

function pairs(raw: readonly string[]): string[] {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [`${name.toLowerCase()}: ${raw[at + 1]}`] : []));
}

async function bytesOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    // Aborted while it was sent.
    return undefined;
  }
  return Buffer.concat(chunks);
}

async function bodyOf(bytes: Buffer, type: string): Promise<unknown> {
  if (!type.startsWith('multipart/form-data')) return bytes.toString();
  const form = await new Response(new Uint8Array(bytes), { headers: { 'content-type': type } }).formData();
  return Promise.all([...form].map(async ([name, value]) => [name, await entry(value)]));
}

async function entry(value: FormDataEntryValue): Promise<unknown> {
  if (typeof value === 'string') return value;
  return { file: value.name, type: value.type, text: await value.text() };
}
