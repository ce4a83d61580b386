import type { Fetch } from '../../src/governed-fetch.ts';

/** One request as the mock upstream saw it. */
export interface SeenRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: unknown;
}

export type Answer =
  | Error
  | ((request: SeenRequest, init: RequestInit | undefined) => Response | Promise<Response>);

/** A `fetch` that answers with what it is given, in turn (the last answer again and again), and notes the requests. */
export function mockUpstream(...answers: Answer[]) {
  const requests: SeenRequest[] = [];
  const fetch: Fetch = async (input, init) => {
    const request = {
      url: input instanceof Request ? input.url : String(input),
      method: init?.method ?? (input instanceof Request ? input.method : 'GET'),
      headers: new Headers(init?.headers),
      body: readBody(
        input instanceof Request && init?.body == null ? await input.clone().text() : init?.body,
      ),
    };
    // The SDK probes its fetch with this before its first upload.
    if (request.url.startsWith('data:')) return new Response('');
    init?.signal?.throwIfAborted();
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(request);
    if (answer instanceof Error) throw answer;
    if (answer === undefined) throw new Error('the mock upstream has no answer');
    return answer(request, init);
  };
  return { fetch, requests };
}

function readBody(body: unknown): unknown {
  if (typeof body !== 'string') return body;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

export function json(body: unknown, init: ResponseInit = {}): () => Response {
  return () =>
    new Response(JSON.stringify(body), {
      ...init,
      headers: { 'content-type': 'application/json', 'x-request-id': 'req_1', ...init.headers },
    });
}

/** A stream of events, each in a network chunk of its own; what comes after them is its end, nothing, or an error. */
export function eventStream(
  events: readonly unknown[],
  end: 'done' | 'open' | Error = 'done',
): () => Response {
  const texts = events.map((event) => `data: ${JSON.stringify(event)}\n\n`);
  if (end === 'done') texts.push('data: [DONE]\n\n');
  return () => new Response(streamOf(texts, end), { headers: { 'content-type': 'text/event-stream' } });
}

function streamOf(texts: readonly string[], end: 'done' | 'open' | Error): ReadableStream {
  let next = 0;
  const source: UnderlyingDefaultSource = {
    pull(controller) {
      const text = texts[next++];
      if (text !== undefined) controller.enqueue(new TextEncoder().encode(text));
      else if (end instanceof Error) controller.error(end);
      else controller.close();
    },
  };
  // No read-ahead: an error would take the events with it that were read ahead of the app.
  return new ReadableStream(source, { highWaterMark: 0 });
}

export function chatCompletion(usage: object | undefined, content = 'Hello!') {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_790_000_000,
    model: 'gpt-4o-mini-2024-07-18',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    ...(usage === undefined ? {} : { usage }),
  };
}

export function chatUsage(prompt_tokens: number, completion_tokens: number) {
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

/** The chunks of a chat stream: the role, one chunk per piece of text, the end, and the usage if it is given. */
export function chatChunks(pieces: readonly string[], usage?: object, index = 0) {
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model: 'gpt-4o-mini-2024-07-18',
    choices: [{ index, delta, logprobs: null, finish_reason }],
  });
  const chunks: object[] = [chunk({ role: 'assistant', content: '', refusal: null })];
  for (const content of pieces) chunks.push(chunk({ content }));
  chunks.push(chunk({}, 'stop'));
  if (usage !== undefined) chunks.push({ ...chunk({}), choices: [], usage });
  return chunks;
}
