import { Attempt } from './attempt.ts';
import { Budget } from './budget.ts';
import type { Admitted } from './call-admissions.ts';
import { type Route, routeOf } from './calls/endpoints.ts';
import { readRequestBody } from './calls/request-body.ts';
import { changedBody } from './changed-body.ts';
import { PlanDenied, QuotaExceeded, UngovernedEndpointError } from './errors.ts';
import type { Caller } from './limits/call.ts';
import type { BudgetOptions } from './options.ts';
import { callerOf } from './policy-options.ts';
import { isRetrieval } from './responses/background.ts';
import { watchRetrieval } from './retrieval.ts';

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * A `fetch` under a budget, for anything that takes one. A denied call is answered with a 429 in the form of the API's
 * own (status, headers, `error` body) and `x-should-retry: false`, one whose plan is denied with a 403 alike; nothing is
 * sent. Rejects with the budget's other errors, see `Budget.reserve()`.
 *
 * @param budget a Budget, or the options of one
 * @param caller who the calls are made for, as for `withCaller()`
 * @throws BudgetOptionError for wrong options
 */
export function governFetch(fetch: Fetch, budget: Budget | BudgetOptions, caller: Caller = {}): Fetch {
  const governor = budget instanceof Budget ? budget : new Budget(budget);
  const checked = callerOf('caller', caller);
  return async (input, init) => {
    const sent = sendIfGoverned(fetch, governor, checked, input, init);
    if (sent !== undefined) return sent;
    const { url, method } = targetOf(input, init);
    // A data: URL goes nowhere; the SDK fetches one to learn about its fetch.
    if (governor.ungoverned === 'reject' && !url.startsWith('data:')) {
      throw new UngovernedEndpointError(method, url);
    }
    return fetch(input, init);
  };
}

/** Undefined if the request goes to no governed endpoint: nothing was done. */
export function sendIfGoverned(
  fetch: Fetch,
  budget: Budget,
  caller: Caller,
  input: string | URL | Request,
  init: RequestInit | undefined,
): Promise<Response> | undefined {
  const { url, method } = targetOf(input, init);
  const route = routeOf(method, url);
  if (route !== undefined) return sendGoverned(fetch, budget, caller, route, input, init);
  return isRetrieval(method, url) ? watchRetrieval(budget, fetch(input, init)) : undefined;
}

async function sendGoverned(
  fetch: Fetch,
  budget: Budget,
  caller: Caller,
  { endpoint, deployment }: Route,
  input: string | URL | Request,
  init: RequestInit | undefined,
): Promise<Response> {
  const body = init?.body ?? (input instanceof Request ? await readCopy(input) : undefined);
  const fields = await readRequestBody(body, endpoint);
  const call = budget.callOf(endpoint, fields, deployment, caller);
  const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
  let admitted: Admitted;
  try {
    admitted = await budget.admitCall(endpoint, call, signal);
  } catch (error) {
    if (error instanceof QuotaExceeded || error instanceof PlanDenied) return denialResponse(error);
    throw error;
  }
  const changed = changedBody(endpoint, body, fields, admitted);
  const attempt = new Attempt(budget, endpoint, call, admitted, changed.asking);
  if (changed.body === undefined) return attempt.send(() => fetch(input, init), signal);
  const encoded = changed.body as string | Uint8Array<ArrayBuffer>;
  return attempt.send(() => fetch(input, { ...init, ...withBody(input, init, encoded) }), signal);
}

function targetOf(input: string | URL | Request, init: RequestInit | undefined) {
  const request = input instanceof Request ? input : undefined;
  return { url: request?.url ?? String(input), method: init?.method ?? request?.method ?? 'GET' };
}

/** The body of a Request, which stays unread itself. */
async function readCopy(request: Request): Promise<FormData | string> {
  const copy = request.clone();
  const form = /^(multipart\/form-data|application\/x-www-form-urlencoded)/i.test(
    request.headers.get('content-type') ?? '',
  );
  return form ? copy.formData() : copy.text();
}

/** A length that was set by hand would no longer be right; the type must not follow the new body's. */
function withBody(
  input: string | URL | Request,
  init: RequestInit | undefined,
  body: string | Uint8Array<ArrayBuffer>,
) {
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
  headers.delete('content-length');
  if (!headers.has('content-type')) headers.set('content-type', 'application/json');
  return { body, headers };
}

function denialResponse(error: QuotaExceeded | PlanDenied): Response {
  const headers = new Headers(error.headers);
  headers.set('content-type', 'application/json');
  headers.set('x-should-retry', 'false');
  return new Response(JSON.stringify({ error: error.error }), {
    status: error.status,
    statusText: error instanceof PlanDenied ? 'Forbidden' : 'Too Many Requests',
    headers,
  });
}
