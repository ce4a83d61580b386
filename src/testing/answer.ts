import { fieldsOf } from '../checks.ts';
import { BudgetOptionError } from '../errors.ts';
import { type Fields, isFields } from '../json.ts';

/** A request as `mockFetch()` got it. */
export interface MockRequest {
  readonly url: string;
  readonly method: string;
  /** Path below the base URL, e.g. `/chat/completions`; where it is none of the governed ones, the whole path. */
  readonly endpoint: string;
  /** As the body names it, or Azure's deployment; empty if neither is given. */
  readonly model: string;
  readonly headers: Headers;
  /** The JSON that was sent, or the fields of a form: its files are `File`s, its numbers texts. */
  readonly body: Fields;
}

/** What an answer reports to have used. What is left out is made up, see `mockFetch()`. */
export interface MockUsage {
  /** Tokens of the input, cached ones included; >= 0. */
  readonly promptTokens?: number | undefined;
  /** Tokens of the output, of all choices and images together, reasoning included; >= 0. */
  readonly completionTokens?: number | undefined;
  /** Of the prompt tokens. Default 0. */
  readonly cachedTokens?: number | undefined;
  /** Of the completion tokens. Default 0. */
  readonly reasoningTokens?: number | undefined;
  /** Seconds of audio, for models that are billed by them (whisper); >= 0. */
  readonly seconds?: number | undefined;
}

/** An answer of the model. */
export interface MockAnswer {
  /** Its text; of a list, a stream delivers each entry as an event of its own. Default 'Hello!', or none with tool calls. */
  readonly content?: string | readonly string[] | undefined;
  /** In the place of `content`: a value, which is answered as JSON text, as for `response_format`. */
  readonly json?: unknown;
  /** Functions it calls; arguments that are no text are answered as JSON. */
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: unknown }[] | undefined;
  /** The verdict of a moderation. Default false. */
  readonly flagged?: boolean | undefined;
  /** What it reports to have used; null: it reports nothing. Default: the `usage` of the mock. */
  readonly usage?: MockUsage | null | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The connection is lost half-way through the body, with this error. */
  readonly cut?: Error | undefined;
}

/** A refusal of the API. */
export interface MockError {
  /** From 400 to 599. */
  readonly status: number;
  /** Parts of the body's `error`. Default: what the API sends with the status. */
  readonly error?:
    | { readonly message?: string; readonly type?: string; readonly param?: string; readonly code?: string }
    | undefined;
  /** Default `retry-after-ms: 1`, so that the SDK's own retries come at once. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * What a request is answered with: a text, an answer, a refusal; an Error, with which the fetch rejects (one whose `code`
 * is 'ECONNREFUSED' was never sent, so it is refunded); or a whole Response.
 */
export type Answer = string | MockAnswer | MockError | Error | Response;

/** An answer, or a function that finds it, now or later: until then the request waits. */
export type AnswerTo = Answer | ((request: MockRequest) => Answer | Promise<Answer>);

const ANSWER_FIELDS = ['content', 'json', 'toolCalls', 'flagged', 'usage', 'headers', 'cut'];
const USAGE_FIELDS = ['promptTokens', 'completionTokens', 'cachedTokens', 'reasoningTokens', 'seconds'];

/** @throws BudgetOptionError for what is no answer */
export function checkAnswer(option: string, answer: Answer): Exclude<Answer, string> {
  if (typeof answer === 'string') return { content: answer };
  if (answer instanceof Error || answer instanceof Response) return answer;
  if (!isRefusal(answer)) {
    fieldsOf(option, answer, ANSWER_FIELDS);
    checkMockUsage(`${option}.usage`, answer.usage);
    return answer;
  }
  fieldsOf(option, answer, ['status', 'error', 'headers']);
  if (Number.isInteger(answer.status) && answer.status >= 400 && answer.status <= 599) return answer;
  throw new BudgetOptionError(`${option}.status`, 'a status from 400 to 599', answer.status);
}

/** @throws BudgetOptionError for other fields, such as those of the API */
export function checkMockUsage(option: string, usage: MockUsage | null | undefined): void {
  if (usage !== null && usage !== undefined) fieldsOf(option, usage, USAGE_FIELDS);
}

export function isRefusal(answer: unknown): answer is MockError {
  return isFields(answer) && 'status' in answer;
}

/** The body of a refusal, in the API's form. */
export function refusalBody({ status, error }: MockError): object {
  const type = status === 429 ? 'requests' : status >= 500 ? 'server_error' : 'invalid_request_error';
  const code = status === 429 ? 'rate_limit_exceeded' : status === 401 ? 'invalid_api_key' : null;
  return { error: { message: `mockFetch answers with status ${status}`, type, param: null, code, ...error } };
}
