import type { Budget } from './budget.ts';
import type { Admitted } from './call-admissions.ts';
import type { Endpoint } from './calls/endpoint.ts';
import { choicesOf } from './calls/endpoint.ts';
import { type Estimate, type Model, usageFor } from './calls/estimate.ts';
import { nullUsageOf } from './calls/null-usage.ts';
import { readUsage } from './calls/report.ts';
import { StreamMeter, type StreamReport } from './calls/stream-meter.ts';
import type { SettlementSource } from './events.ts';
import type { Call, Outcome } from './limits/call.ts';
import type { Quantities } from './prices.ts';
import type { OpenReservation } from './reservation.ts';
import { type ResponseState, readResponse, readResponseEvent } from './responses/background.ts';
import { tapEventStream } from './responses/event-stream.ts';
import { jsonMemberNearEnd, jsonMembers } from './responses/json-members.ts';
import { ShownHeaders } from './responses/shown-headers.ts';
import { tapBody } from './responses/tap-body.ts';
import { headersOfReservation } from './standing.ts';
import { StreamLimit } from './stream-limit.ts';
import type { UpstreamCall } from './upstream/upstream.ts';
import type { Usage } from './usage.ts';

/** Members of a JSON response that tell what was used. */
const USAGE: ReadonlySet<string> = new Set(['usage']);
const DATA: ReadonlySet<string> = new Set(['data']);

/**
 * One HTTP attempt of a governed call: its reservation, and how it ends. Usage known: settled to it. Certainly not
 * billed: refunded. Unknown: the estimate stands.
 */
export class Attempt {
  readonly #budget: Budget;
  readonly #endpoint: Endpoint;
  readonly #call: Call;
  readonly #model: Model;
  readonly #estimate: Estimate;
  readonly #reservation: OpenReservation;
  readonly #upstream: UpstreamCall | undefined;
  readonly #hideUsage: boolean;
  /** HTTP status of the answer, once there is one. */
  #status: number | undefined;
  #outcome: Outcome | undefined;
  #shown: ShownHeaders | undefined;
  /** Id of a response that goes on in the background, and is settled by whichever worker sees it end. */
  #deferred: string | undefined;

  /** @param hideUsage the request asks for usage where the app did not, so the answer to that is hidden from it */
  constructor(budget: Budget, endpoint: Endpoint, call: Call, admitted: Admitted, hideUsage: boolean) {
    this.#budget = budget;
    this.#endpoint = endpoint;
    this.#call = call;
    this.#model = admitted.model;
    this.#estimate = admitted.estimate;
    this.#reservation = admitted.reservation;
    this.#upstream = admitted.upstream;
    this.#hideUsage = hideUsage;
  }

  /** Sends the attempt and watches its answer. Returns and throws what `fetch` does. */
  async send(fetch: () => Promise<Response>, signal: AbortSignal | null | undefined): Promise<Response> {
    if (signal?.aborted) this.withdraw();
    let response: Response;
    try {
      response = await fetch();
    } catch (error) {
      if (isNeverConnected(error)) this.#refund();
      else this.#stand();
      throw error;
    }
    this.#upstream?.answered(response);
    this.#answered(response);
    this.#show(response);
    return response;
  }

  /** It was not sent. */
  withdraw(): void {
    this.#upstream?.ended();
    this.#reservation.withdraw();
  }

  /** It was certainly not billed. */
  #refund(): void {
    this.#close(undefined, 'reported');
  }

  #close(usage: Usage | undefined, source: SettlementSource): void {
    this.#outcome = { usage, status: this.#status };
    this.#upstream?.ended();
    this.#reservation.close(usage, source, this.#status);
    this.#shown?.set(this.#headers());
  }

  /** Those that the app named: what is reserved at first, what was used once that is known. */
  #headers(): [name: string, value: string][] {
    return headersOfReservation(this.#budget.headers, this.#reservation, this.#outcome);
  }

  #show(response: Response): void {
    const headers = this.#headers();
    if (headers.length === 0) return;
    this.#shown = ShownHeaders.on(response);
    this.#shown?.set(headers);
  }

  #answered(response: Response): void {
    if (this.#reservation.slot !== undefined) freeWhenForgotten(response, this.#reservation);
    this.#status = response.status;
    const type = response.headers.get('content-type') ?? '';
    if (response.status >= 300) this.#refund();
    else if (response.status === 204 || response.headers.get('content-length') === '0') this.#stand();
    else if (type.includes('text/event-stream') || this.#call.body['stream'] === true) this.#meter(response);
    else if (type.includes('json') || type === '') this.#watch(response);
    else this.#stand();
  }

  #watch(response: Response): void {
    const stand = () => this.#stand();
    const sink = {
      complete: (text: string) => this.#read(text),
      failed: stand,
      cancelled: stand,
      oversized: stand,
    };
    if (!tapBody(response, sink)) this.#stand();
  }

  /** Nothing is known of what was used. */
  #stand(): void {
    this.#close(this.#reservation.usage, 'estimated');
  }

  #settle(quantities: Quantities, source: SettlementSource): void {
    const { estimator } = this.#budget;
    if (source === 'reported' && this.#estimate.unbounded) {
      const choices = choicesOf(this.#call.body['n']);
      estimator.observe(this.#model.name, this.#reservation.key, quantities.completionTokens / choices);
    }
    const pricing = this.#endpoint.free ? undefined : this.#model.pricing;
    this.#close(usageFor(quantities, pricing), source);
  }

  #read(text: string): void {
    if (this.#isBackground() && this.#defer(readResponse(text))) return;
    const { countsImages, free } = this.#endpoint;
    const images = countsImages ? (jsonMembers(text, DATA).get('data')?.elements() ?? 0) : 0;
    const member = jsonMemberNearEnd(text, 'usage') ?? jsonMembers(text, USAGE).get('usage');
    const usage = readUsage(member?.value(), images);
    if (usage !== undefined) this.#settle(usage, 'reported');
    // dall-e reports no usage: its images are what is billed.
    else if (images > 0) this.#settle({ ...this.#estimate.quantities, images }, 'reported');
    else if (free === true) this.#settle(this.#estimate.quantities, 'reported');
    else this.#stand();
  }

  #isBackground(): boolean {
    return this.#call.body['background'] === true;
  }

  /** Leaves the reservation open if the response goes on. */
  #defer(response: ResponseState | undefined): boolean {
    if (response === undefined || response.used !== undefined) return false;
    this.#budget.background.defer(this.#reservation, response.id);
    this.#deferred = response.id;
    return true;
  }

  #meter(response: Response): void {
    const meter = new StreamMeter(this.#endpoint, this.#model.tokens);
    const limit = this.#streamLimit();
    const tapped = tapEventStream(response, {
      mayHide: this.#hideUsage,
      event: (data, cut) => {
        if (this.#deferred === undefined && this.#isBackground()) this.#defer(readResponseEvent(data));
        const shown = meter.event(data);
        limit?.check((tokens) => meter.exceeds(tokens), cut);
        return shown;
      },
      omits: nullUsageOf,
      oversized: () => meter.oversized(),
      end: () => {
        this.#ended(meter);
        limit?.end();
      },
    });
    if (!tapped) this.#stand();
  }

  #streamLimit(): StreamLimit | undefined {
    if (!this.#budget.stopAtLimit || this.#isBackground()) return undefined;
    const { completionTokens } = this.#estimate.quantities;
    return new StreamLimit(this.#budget, this.#call, this.#model, completionTokens);
  }

  #ended(stream: StreamReport): void {
    if (stream.reported !== undefined) {
      this.#settle(stream.reported, 'reported');
      if (this.#deferred !== undefined) this.#budget.background.undefer(this.#deferred);
      return;
    }
    if (this.#deferred !== undefined) return;
    const delivered = stream.delivered();
    if (stream.failed && !stream.uncounted && (delivered ?? 0) === 0) this.#refund();
    else if (delivered === undefined || !stream.heard) this.#stand();
    else {
      const { quantities } = this.#estimate;
      // What a reasoning model thought before it was cut is billed, but never seen: at least the estimate stands.
      const unseen = this.#model.reasoning || stream.uncounted ? quantities.completionTokens : 0;
      this.#settle({ ...quantities, completionTokens: Math.max(delivered, unseen) }, 'counted');
    }
  }
}

/** A body that nobody reads has no end; the slot of its call is free again when it is forgotten. */
let unread: FinalizationRegistry<OpenReservation> | undefined;

function freeWhenForgotten(response: Response, reservation: OpenReservation): void {
  unread ??= new FinalizationRegistry((forgotten) => forgotten.leave());
  unread.register(response, reservation);
}

/** Codes of errors that come before a connection is made: nothing was sent. */
const BEFORE_CONNECTION: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** How Deno says the same: its errors have no code. */
const BEFORE_CONNECTION_ON_DENO = /: client error \(Connect\)(:|$)/;

function isNeverConnected(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    if (cause instanceof AggregateError)
      return cause.errors.length > 0 && cause.errors.every(isNeverConnected);
    if ('code' in cause && typeof cause.code === 'string' && BEFORE_CONNECTION.has(cause.code)) return true;
    if ('syscall' in cause && cause.syscall === 'connect') return true;
    if (BEFORE_CONNECTION_ON_DENO.test(cause.message)) return true;
  }
  return false;
}
