import { APIUserAbortError, type ClientOptions, type OpenAI } from 'openai';
import { Attempt } from './attempt.ts';
import type { Budget } from './budget.ts';
import type { Admitted } from './call-admissions.ts';
import type { Endpoint } from './calls/endpoint.ts';
import { routeOf } from './calls/endpoints.ts';
import { readRequestBody } from './calls/request-body.ts';
import { changedBody } from './changed-body.ts';
import { UngovernedEndpointError } from './errors.ts';
import { sendIfGoverned } from './governed-fetch.ts';
import type { Call, Caller } from './limits/call.ts';
import { isRetrieval } from './responses/background.ts';

/** The options of one request, as the SDK hands them to its hooks. */
export type RequestOptions = Awaited<Parameters<OpenAI['request']>[0]>;
type SdkFetch = NonNullable<ClientOptions['fetch']>;

type BuiltRequest = ReturnType<OpenAI['buildRequest']>;
/** What the SDK does for each attempt of a request, from its preparation to its response. */
type MakeRequest = (
  options: RequestOptions | Promise<RequestOptions>,
  ...rest: unknown[]
) => Promise<unknown>;

/**
 * Where a request's attempt travels from `prepareOptions` to `fetch`: in its options, and from there in the request that
 * is built of them. Copies that a subclass makes of either have it too.
 */
const ATTEMPT = Symbol('governed-openai attempt');

/** An attempt on its way to be sent. */
class Parcel {
  /** Usage was asked for where the app did not: kept for retries, whose body asks already. */
  readonly hideUsage: boolean;
  readonly #signal: AbortSignal | null | undefined;
  #attempt: Attempt | undefined;

  constructor(attempt: Attempt, hideUsage: boolean, signal: AbortSignal | null | undefined) {
    this.#attempt = attempt;
    this.hideUsage = hideUsage;
    this.#signal = signal;
    // The SDK drops a request that is aborted between its preparation and its fetch, and tells nobody.
    if (signal?.aborted) this.abandon();
    else signal?.addEventListener('abort', this.abandon);
  }

  /** The attempt, once: after that it is on its own. */
  take(): Attempt | undefined {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    this.#signal?.removeEventListener('abort', this.abandon);
    return attempt;
  }

  /** It will not be sent. Does nothing once it was. */
  readonly abandon = (): void => {
    this.take()?.withdraw();
  };
}

/** Watched fetches and what they were made of: a client derived by `withOptions()` is given its parent's. */
const watched = new WeakMap<SdkFetch, SdkFetch>();

/** The part of a governed client that is the same for OpenAI and Azure. */
export class Governor {
  readonly #budget: Budget;
  readonly #caller: Caller;

  constructor(budget: Budget, caller: Caller) {
    this.#budget = budget;
    this.#caller = caller;
  }

  /**
   * A fetch that sends the attempts prepared for it. A governed request that comes unprepared (a subclass that overrides
   * `prepareOptions` without its `super`, a call of `fetchWithTimeout`) is governed here; all else is sent as it is.
   */
  static watch(fetch: SdkFetch, budget: Budget, caller: Caller): SdkFetch {
    const inner = watched.get(fetch) ?? fetch;
    const outer: SdkFetch = (input, init) => {
      const attempt = parcelOf(init)?.take();
      if (attempt === undefined) {
        return sendIfGoverned(inner, budget, caller, input, init) ?? inner(input, init);
      }
      // The SDK made this object for this request alone; what is below must not see the parcel.
      if (init !== undefined) Reflect.deleteProperty(init, ATTEMPT);
      return attempt.send(() => inner(input, init), init?.signal);
    };
    // The SDK looks for a `Response` on the fetch it is given, as node-fetch has.
    watched.set(Object.assign(outer, inner), inner);
    return outer;
  }

  /** Admits one attempt of a request, and makes it ask for its usage. Throws what the budget does. */
  async prepare(options: RequestOptions, azureDeployment?: string): Promise<void> {
    const route = routeOf(options.method, options.path);
    if (route === undefined) {
      if (this.#budget.ungoverned === 'reject' && !isRetrieval(options.method, options.path)) {
        throw new UngovernedEndpointError(options.method, options.path);
      }
      return;
    }
    // The SDK itself rejects what is aborted before it is sent.
    if (options.signal?.aborted) return;
    const { endpoint } = route;
    const read = readRequestBody(options.body, endpoint);
    const fields = read instanceof Promise ? await read : read;
    const model = azureDeployment ?? route.deployment ?? modelOfUpload(options, fields);
    const call = this.#budget.callOf(endpoint, fields, model, this.#caller);
    const admitted = await this.#admit(endpoint, call, options.signal);
    const changed = changedBody(endpoint, options.body, fields, admitted);
    if (changed.body !== undefined) options.body = changed.body;
    const hideUsage = changed.asking || parcelOf(options)?.hideUsage === true;
    const attempt = new Attempt(this.#budget, endpoint, call, admitted, hideUsage);
    Object.assign(options, { [ATTEMPT]: new Parcel(attempt, hideUsage, options.signal) });
  }

  async #admit(endpoint: Endpoint, call: Call, signal: AbortSignal | null | undefined): Promise<Admitted> {
    try {
      return await this.#budget.admitCall(endpoint, call, signal);
    } catch (error) {
      if (signal?.aborted && error === signal.reason) throw new APIUserAbortError();
      throw error;
    }
  }

  /** The request that is built of these options, with their attempt. */
  static async handOn(options: RequestOptions, building: BuiltRequest): BuiltRequest {
    const built = await building;
    const parcel = parcelOf(options);
    if (parcel !== undefined) Object.assign(built.req, { [ATTEMPT]: parcel });
    return built;
  }

  /**
   * Gives each attempt options of its own, and gives back what was reserved for one that fails before it is sent: while
   * it is built, or in a hook of a subclass or of the SDK's provider. The method is private in the SDK's types; where it
   * is gone, the estimate of such an attempt stands.
   */
  static watchAttempts({ prototype }: { readonly prototype: OpenAI }): void {
    const makeRequest: unknown = Reflect.get(prototype, 'makeRequest');
    if (typeof makeRequest !== 'function') return;
    const attempted = async function (this: OpenAI, ...[options, ...rest]: Parameters<MakeRequest>) {
      // Ours to change: an app may use its own options again, or have frozen them.
      const own = { ...(await options) };
      try {
        return await (makeRequest as MakeRequest).call(this, own, ...rest);
      } catch (error) {
        parcelOf(own)?.abandon();
        throw error;
      }
    };
    Object.defineProperty(prototype, 'makeRequest', { value: attempted, configurable: true, writable: true });
  }
}

/** A streamed upload names its model in the metadata only. */
function modelOfUpload(options: RequestOptions, fields: object): string | undefined {
  const model = options.__metadata?.['model'];
  return typeof model === 'string' && Object.keys(fields).length === 0 ? model : undefined;
}

function parcelOf(carrier: object | undefined): Parcel | undefined {
  const parcel: unknown = carrier === undefined ? undefined : Reflect.get(carrier, ATTEMPT);
  return parcel instanceof Parcel ? parcel : undefined;
}
