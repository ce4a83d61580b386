import { type Route, routeOf } from '../calls/endpoints.ts';
import { readRequestBody } from '../calls/request-body.ts';
import { fieldsOf } from '../checks.ts';
import { BudgetOptionError } from '../errors.ts';
import type { Fetch } from '../governed-fetch.ts';
import { textOf } from '../json.ts';
import {
  type AnswerTo,
  checkAnswer,
  checkMockUsage,
  isRefusal,
  type MockRequest,
  type MockUsage,
  refusalBody,
} from './answer.ts';
import { type Body, json, streamOf } from './body.ts';
import { embeddingBody, moderationBody } from './inputs.ts';
import { imageBody, listeningBody, speechBody } from './media.ts';
import { type Reply, replyOf } from './reply.ts';
import { compactionBody, responseBody } from './responses.ts';
import { chatBody, completionBody } from './texts.ts';

export interface MockFetchOptions {
  /** One answer for all requests; or a list: one a request, in turn, and the last again and again. Default 'Hello!'. */
  readonly answers?: AnswerTo | readonly AnswerTo[] | undefined;
  /** What answers report to have used; null: nothing. Or a function that says it for each request. */
  readonly usage?: MockUsage | null | ((request: MockRequest) => MockUsage | null | undefined) | undefined;
}

/** A `fetch` that calls nobody. */
export interface MockFetch extends Fetch {
  /** What was sent, in order; retries of the SDK too. */
  readonly requests: readonly MockRequest[];
}

/**
 * A `fetch` that answers every governed endpoint as the API does, streams included, for `OpenAI`, `GovernedOpenAI`, their
 * Azure forms and `governFetch()`. It honours the request's signal, and answers other paths with a 404 that says so.
 *
 * Usage that is not chosen is made up: a token for every four characters of each text of the prompt and of the answer, and
 * for each token id; 1,056 for an image drawn; ten for a second of audio, of which a file has one for every 16,000 bytes.
 * Where the API reports no usage (dall-e, translations, sound, subtitles), nor does this.
 *
 * ```ts
 * const api = mockFetch({ answers: ['Hi!', { status: 500 }, { json: { city: 'Rome' }, usage: { promptTokens: 90 } }] });
 * const openai = new GovernedOpenAI({ apiKey: 'test', fetch: api, budget });
 * // … and then
 * expect(api.requests[0]?.model).toBe('gpt-4o-mini');
 *
 * const gate = Promise.withResolvers<string>();
 * mockFetch({ answers: () => gate.promise }); // waits until the test calls gate.resolve('Hi!')
 * ```
 *
 * @throws BudgetOptionError for a wrong option
 */
export function mockFetch(options: MockFetchOptions = {}): MockFetch {
  fieldsOf('mockFetch', options, ['answers', 'usage']);
  const { answers = 'Hello!', usage } = options;
  const list: readonly AnswerTo[] = Array.isArray(answers) ? answers : [answers];
  if (list.length === 0) throw new BudgetOptionError('mockFetch.answers', 'at least one answer', list);
  for (const [i, answer] of list.entries()) {
    if (typeof answer !== 'function') checkAnswer(`mockFetch.answers[${i}]`, answer);
  }
  if (typeof usage !== 'function') checkMockUsage('mockFetch.usage', usage);
  const requests: MockRequest[] = [];
  let answered = 0;
  const fetch: Fetch = async (input, init) => {
    const request = new Request(input, init);
    // The SDK asks its fetch for this before its first upload.
    if (request.url.startsWith('data:')) return new Response('');
    const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
    signal?.throwIfAborted();
    const route = routeOf(request.method, request.url);
    const write = route && BODIES[route.endpoint.path];
    // Taken before anything is waited for: requests sent at once are answered in their order.
    const nth = write === undefined ? 0 : ++answered;
    const seen = await readRequest(request, route);
    requests.push(seen);
    if (write === undefined) return respond(json(unknownPath(seen)), { status: 404, nth });
    const to = list[Math.min(nth, list.length) - 1] ?? '';
    const found = await unlessAborted(typeof to === 'function' ? to(seen) : to, signal);
    const answer = checkAnswer('the answer of the function in mockFetch.answers', found);
    if (answer instanceof Error) throw answer;
    if (answer instanceof Response) return answer.clone();
    if (isRefusal(answer)) {
      const headers = { 'retry-after-ms': '1', ...answer.headers };
      return respond(json(refusalBody(answer)), { status: answer.status, nth, headers });
    }
    const reply = replyOf(seen, nth, answer, typeof usage === 'function' ? usage(seen) : usage);
    return respond(write(reply), { nth, signal, headers: answer.headers, cut: answer.cut });
  };
  return Object.assign(fetch, { requests });
}

const BODIES: Readonly<Record<string, (reply: Reply) => Body>> = {
  '/chat/completions': chatBody,
  '/responses': responseBody,
  '/responses/compact': compactionBody,
  '/completions': completionBody,
  '/embeddings': embeddingBody,
  '/images/generations': imageBody,
  '/images/edits': imageBody,
  '/images/variations': imageBody,
  '/audio/transcriptions': listeningBody,
  '/audio/translations': listeningBody,
  '/audio/speech': speechBody,
  '/moderations': moderationBody,
};

async function readRequest(request: Request, route: Route | undefined): Promise<MockRequest> {
  const { url, method, headers } = request;
  if (route === undefined)
    return { url, method, endpoint: new URL(url).pathname, model: '', headers, body: {} };
  const { endpoint, deployment } = route;
  const form = /^multipart\/form-data/i.test(headers.get('content-type') ?? '');
  const body = await readRequestBody(form ? await request.formData() : await request.text(), endpoint);
  const model = deployment ?? textOf(body['model']);
  return { url, method, endpoint: endpoint.path, model, headers, body };
}

function unknownPath({ method, endpoint }: MockRequest): object {
  const known = Object.keys(BODIES).join(', ');
  const message = `Invalid URL (${method} ${endpoint}): mockFetch answers POST requests to ${known}`;
  return { error: { message, type: 'invalid_request_error', param: null, code: null } };
}

/** What a promise resolves to, unless the signal is aborted before. */
function unlessAborted<T>(value: T | Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const abort = () => reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    Promise.resolve(value)
      .then(resolve, reject)
      .finally(() => signal?.removeEventListener('abort', abort));
  });
}

interface Sent {
  readonly nth: number;
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | null | undefined;
  readonly cut?: Error | undefined;
}

function respond(body: Body, { nth, status = 200, headers, signal, cut }: Sent): Response {
  return new Response(streamOf(body, signal, cut), {
    status,
    headers: { 'content-type': body.type, 'x-request-id': `req_mock_${nth}`, ...headers },
  });
}
