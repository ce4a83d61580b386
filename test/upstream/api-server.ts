import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { ApiAccount, type ApiLimits } from './api-account.ts';

export interface ServerOptions {
  readonly limits: ApiLimits;
  /** Milliseconds from a request to its answer, at least and at most. */
  readonly latency: readonly [number, number];
  /** Share of the limits that others use. */
  readonly elsewhere: number;
}

/** Others use the account in so many steps a period. */
const STEPS = 600;

/** An OpenAI-compatible server that enforces the rate limits of one account, with headers and 429s in the API's form. */
export class ApiServer {
  readonly account: ApiAccount;
  readonly #latency: readonly [number, number];
  readonly #server: Server;
  readonly #others: NodeJS.Timeout | undefined;

  private constructor({ limits, latency, elsewhere }: ServerOptions) {
    this.account = new ApiAccount(limits);
    this.#latency = latency;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    const share = elsewhere / STEPS;
    const use = () =>
      this.account.useElsewhere(share * limits.requests, share * limits.tokens, performance.now());
    this.#others = elsewhere > 0 ? setInterval(use, limits.periodMs / STEPS) : undefined;
  }

  static async start(options: ServerOptions): Promise<ApiServer> {
    const server = new ApiServer(options);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the port is not known');
    return `http://127.0.0.1:${address.port}/v1`;
  }

  async stop(): Promise<void> {
    clearInterval(this.#others);
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { model, messages } = JSON.parse(Buffer.concat(chunks).toString()) as ChatRequest;
    const answer = this.account.ask(model, tokensOf(messages), performance.now());
    const [least, most] = this.#latency;
    if (answer.status === 200) await pause(least + Math.random() * (most - least));
    response.writeHead(answer.status, { ...answer.headers, 'content-type': 'application/json' });
    response.end(JSON.stringify(answer.body));
  }
}

interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly content: string }[];
}

/** What the API takes when it accepts a request, as its headers showed in 2025: not what it counts in the end. */
function tokensOf(messages: ChatRequest['messages']): number {
  const characters = messages.reduce((sum, { content }) => sum + content.length, 0);
  return Math.ceil(characters / 4) + messages.length + 1;
}
