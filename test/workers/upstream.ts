import type { Fetch } from '../../src/index.ts';
import { chatChunks, chatCompletion, chatUsage, eventStream, json } from '../support/upstream.ts';
import type { Answer } from './calls.ts';

/** One token of every text it is in. */
export const PIECE = ' yes';

/** @throws what fetch does where there is no answer */
export async function respond(answer: Answer, init: RequestInit | undefined): Promise<Response> {
  switch (answer.kind) {
    case 'whole':
      return json(chatCompletion(chatUsage(answer.promptTokens, answer.tokens)))();
    case 'silent':
      return json(chatCompletion(undefined))();
    case 'stream': {
      const usage = chatUsage(answer.promptTokens, answer.tokens);
      return eventStream(chatChunks([PIECE], asksForUsage(init) ? usage : undefined))();
    }
    case 'left':
      return stalled(pieces(answer.tokens));
    case 'torn':
      return eventStream(pieces(answer.tokens), failure('ECONNRESET'))();
    case 'failed':
      return json(
        { error: { message: 'overloaded' } },
        { status: 500, headers: { 'retry-after-ms': '1' } },
      )();
    case 'refused':
      throw failure('ECONNREFUSED');
    case 'lost':
      throw failure('ECONNRESET');
    case 'never':
      return new Promise<Response>(() => undefined);
  }
}

/** The budget must ask: without its `include_usage` the API does not tell the usage of a stream. */
function asksForUsage(init: RequestInit | undefined): boolean {
  return typeof init?.body === 'string' && init.body.includes('"include_usage":true');
}

/** As many chunks as tokens, after the one that tells the role; without an end. */
function pieces(tokens: number): object[] {
  return chatChunks(Array<string>(tokens).fill(PIECE)).slice(0, tokens + 1);
}

/** Sends its events and then nothing more, so that what was delivered is what the app has seen. */
function stalled(events: readonly object[]): Response {
  const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

/** As fetch fails: the reason is the cause. */
function failure(code: string): Error {
  return new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
}

/** A `fetch` made of a function that is told of every request but the SDK's probe of its fetch. */
export function fetchOf(answer: (init: RequestInit | undefined) => Promise<Response>): Fetch {
  return async (input, init) => (String(input).startsWith('data:') ? new Response('') : answer(init));
}
