import { once } from 'node:events';
import type { Answer, Exchange } from './server.ts';

export interface Init {
  readonly status?: number;
  readonly headers?: Record<string, string>;
}

/** What `usage` a body reports, wherever its endpoint puts it. */
function usageOf(body: unknown): unknown {
  const { usage, response } = Object(body) as { usage?: unknown; response?: { usage?: unknown } };
  return usage ?? response?.usage ?? undefined;
}

function imagesOf(body: unknown): number {
  const { data = [] } = Object(body) as { data?: { b64_json?: string; url?: string }[] };
  return data.filter(({ b64_json, url }) => b64_json ?? url).length;
}

export function json(body: unknown, init: Init = {}): Answer {
  return (exchange) => {
    exchange.reports(usageOf(body), imagesOf(body));
    return text(JSON.stringify(body), {
      ...init,
      headers: { 'content-type': 'application/json', ...init.headers },
    })(exchange);
  };
}

/** A body of text, as it is. */
export function text(body: string, init: Init = {}): Answer {
  return ({ response }) => {
    response.writeHead(init.status ?? 200, { 'x-request-id': 'req_1', ...init.headers }).end(body);
  };
}

export function failure(status: number, headers: Record<string, string> = {}): Answer {
  const error = { message: `It is ${status}.`, type: 'a_type', param: 'a.param', code: 'a_code' };
  return json({ error }, { status, headers });
}

export const STREAM = { 'content-type': 'text/event-stream; charset=utf-8', 'x-request-id': 'req_1' };

/** The text of one server-sent event; one of the Responses API has its type before its data. */
export function eventText(event: unknown): string {
  const { type } = Object(event) as { type?: string };
  return `${type === undefined ? '' : `event: ${type}\n`}data: ${JSON.stringify(event)}\n\n`;
}

/** The events of a stream; those of some endpoints depend on whether the request asks for its usage. */
export type Events = readonly unknown[] | ((asked: boolean) => readonly unknown[]);

/** What is sent of them: their texts, and the end. */
function sent({ seen, reports }: Exchange, list: Events): string[] {
  const asked = /"include_usage":true/.test(String(seen.body));
  const all = typeof list === 'function' ? list(asked) : list;
  const images = all.filter((event) => /_(generation|edit)\.completed$/.test(String(Object(event).type)));
  reports(
    all.map(usageOf).findLast((usage) => usage !== undefined),
    images.length,
  );
  return [...all.map(eventText), 'data: [DONE]\n\n'];
}

/** A stream of these events and `[DONE]`, all at once. */
export function events(list: Events): Answer {
  return (exchange) => text(sent(exchange, list).join(''), { headers: STREAM })(exchange);
}

/** The same, an event for each step of the scenario; the headers come at once. */
export function stepped(list: Events): Answer {
  return async (exchange) => {
    const { response, step } = exchange;
    response.writeHead(200, STREAM).flushHeaders();
    for (const event of sent(exchange, list)) {
      await step();
      if (response.destroyed) return;
      response.write(event);
    }
    response.end();
  };
}

/** A body in network chunks of these texts. `end`: how it ends. */
export function chunked(
  texts: readonly (string | Uint8Array)[],
  init: Init = { headers: STREAM },
  end: 'end' | 'destroy' = 'end',
): Answer {
  return async ({ response }) => {
    response.writeHead(init.status ?? 200, { 'x-request-id': 'req_1', ...init.headers });
    for (const chunk of texts) {
      await new Promise<void>((written) => response.write(chunk, () => written()));
      // Another turn, so that the next is a packet of its own.
      await new Promise(setImmediate);
    }
    if (end === 'destroy') response.destroy();
    else response.end();
  };
}

/** The connection is closed before anything is answered. */
export const reset: Answer = ({ response }) => {
  response.destroy();
};

/** Nothing is ever answered. */
export const silence: Answer = async ({ response }) => {
  await once(response, 'close');
};

/** The headers come, and then nothing; with `body`, so much of it. */
export function stalled(body = '', headers: Record<string, string> = STREAM): Answer {
  return async ({ response }) => {
    response.writeHead(200, { 'x-request-id': 'req_1', ...headers });
    response.flushHeaders();
    if (body !== '') response.write(body);
    await once(response, 'close');
  };
}

/** Answers as another server does. */
export function forwarded(origin: () => string): Answer {
  return async ({ seen, bytes, response, reports }) => {
    const headers = Object.fromEntries(
      seen.headers
        .map((header) => header.split(': ', 2) as [string, string])
        .filter(([name]) => !/^(host|connection|content-length)$/.test(name)),
    );
    const hasBody = bytes.length > 0;
    const answer = await fetch(origin() + seen.url, {
      method: seen.method,
      headers,
      ...(hasBody ? { body: new Uint8Array(bytes) } : {}),
    });
    const body = Buffer.from(await answer.arrayBuffer());
    const told = eventsOf(body.toString());
    reports(
      told.map(usageOf).findLast((usage) => usage !== undefined),
      imagesOf(told[0]),
    );
    const type = answer.headers.get('content-type') ?? '';
    response.writeHead(answer.status, { 'content-type': type, 'x-request-id': 'req_1' }).end(body);
  };
}

/** The objects of a body: the one of JSON, or those of the events of a stream. */
function eventsOf(body: string): unknown[] {
  const texts = body.startsWith('{') ? [body] : body.split('\n').filter((line) => line.startsWith('data: {'));
  return texts.map((text) => JSON.parse(text.replace(/^data: /, '')));
}

/** Answers so, and reports this usage. */
export function reporting(usage: unknown, answer: Answer): Answer {
  return (exchange) => {
    exchange.reports(usage);
    return answer(exchange);
  };
}
