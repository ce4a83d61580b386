import { duration } from '../../src/limits/denial.ts';

/** The limits of an account, as the API enforces them. */
export interface ApiLimits {
  readonly requests: number;
  readonly tokens: number;
  /** Milliseconds in which an empty bucket is full again. */
  readonly periodMs: number;
}

/** What the API says to a request. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: object;
}

/** Why a request does not fit. */
interface Excess {
  readonly unit: 'requests' | 'tokens';
  readonly amount: number;
  readonly max: number;
  readonly used: number;
  /** Milliseconds until it does. */
  readonly waitMs: number;
}

/** A bucket that refills evenly. */
class Bucket {
  readonly max: number;
  readonly #periodMs: number;
  #used = 0;
  #at = 0;

  constructor(max: number, periodMs: number) {
    this.max = max;
    this.#periodMs = periodMs;
  }

  /** What is used at a moment. */
  used(now: number): number {
    const refilled = (Math.max(0, now - this.#at) / this.#periodMs) * this.max;
    this.#used = Math.max(0, this.#used - refilled);
    this.#at = Math.max(this.#at, now);
    return this.#used;
  }

  take(amount: number, now: number): void {
    this.#used = this.used(now) + amount;
  }

  /** Milliseconds until an amount fits. */
  waitFor(amount: number, now: number): number {
    return (Math.max(0, this.used(now) + amount - this.max) / this.max) * this.#periodMs;
  }

  headers(unit: string, now: number): Record<string, string> {
    const used = this.used(now);
    return {
      [`x-ratelimit-limit-${unit}`]: String(this.max),
      [`x-ratelimit-remaining-${unit}`]: String(Math.max(0, Math.floor(this.max - used + 1e-6))),
      [`x-ratelimit-reset-${unit}`]: duration(Math.floor((used / this.max) * this.#periodMs + 1e-6)),
    };
  }
}

/**
 * The admission of the API: a bucket of requests and one of tokens. A request takes its estimate when it is accepted and
 * gets nothing back; one that does not fit takes nothing and is refused with a 429 that tells when it would fit.
 */
export class ApiAccount {
  readonly limits: ApiLimits;
  readonly #requests: Bucket;
  readonly #tokens: Bucket;
  readonly admitted = { requests: 0, tokens: 0 };
  refused = 0;

  constructor(limits: ApiLimits) {
    this.limits = limits;
    this.#requests = new Bucket(limits.requests, limits.periodMs);
    this.#tokens = new Bucket(limits.tokens, limits.periodMs);
  }

  /** @param tokens what the API estimates the request at */
  ask(model: string, tokens: number, now: number): ApiAnswer {
    const exceeded =
      this.#excess('requests', this.#requests, 1, now) ?? this.#excess('tokens', this.#tokens, tokens, now);
    if (exceeded !== undefined) {
      this.refused++;
      return this.#refusal(model, exceeded, now);
    }
    this.#requests.take(1, now);
    this.#tokens.take(tokens, now);
    this.admitted.requests++;
    this.admitted.tokens += tokens;
    return {
      status: 200,
      headers: this.#headers(now),
      body: {
        id: 'chatcmpl-1',
        object: 'chat.completion',
        created: 1_790_000_000,
        model,
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: 'Yes.' },
            logprobs: null,
            finish_reason: 'stop',
          },
        ],
        usage: { prompt_tokens: tokens, completion_tokens: 2, total_tokens: tokens + 2 },
      },
    };
  }

  /** Others use the account. */
  useElsewhere(requests: number, tokens: number, now: number): void {
    this.#requests.take(Math.min(requests, this.#requests.max - this.#requests.used(now)), now);
    this.#tokens.take(Math.min(tokens, this.#tokens.max - this.#tokens.used(now)), now);
  }

  #excess(unit: Excess['unit'], bucket: Bucket, amount: number, now: number): Excess | undefined {
    const waitMs = bucket.waitFor(amount, now);
    return waitMs <= 1e-6 ? undefined : { unit, amount, waitMs, max: bucket.max, used: bucket.used(now) };
  }

  #refusal(model: string, { unit, amount, waitMs, max, used }: Excess, now: number): ApiAnswer {
    const tooLarge = amount > max;
    const label = unit === 'requests' ? 'requests per min (RPM)' : 'tokens per min (TPM)';
    const subject = `${model} in organization org-x on ${label}: Limit ${max}`;
    const message = tooLarge
      ? `Request too large for ${subject}, Requested ${amount}. The input or output tokens must be reduced in order to run successfully.`
      : `Rate limit reached for ${subject}, Used ${Math.ceil(used)}, Requested ${amount}. Please try again in ${duration(waitMs)}.`;
    const retry = {
      'retry-after': String(Math.ceil(waitMs / 1_000)),
      'retry-after-ms': String(Math.ceil(waitMs)),
    };
    return {
      status: 429,
      headers: { ...this.#headers(now), ...(tooLarge ? {} : retry) },
      body: { error: { message, type: unit, param: null, code: 'rate_limit_exceeded' } },
    };
  }

  #headers(now: number): Record<string, string> {
    return { ...this.#requests.headers('requests', now), ...this.#tokens.headers('tokens', now) };
  }
}
