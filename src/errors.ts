import { OpenAIError, PermissionDeniedError, RateLimitError } from 'openai';
import type { Unit } from './usage.ts';

/** Base of every error of this library that is not an answer of the API. Extends the SDK's `OpenAIError`. */
export class BudgetError extends OpenAIError {
  override name = 'BudgetError';

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** An option or argument is wrong. Thrown where it is given: at construction, or by the method called. */
export class BudgetOptionError extends BudgetError {
  override name = 'BudgetOptionError';
  /** Path of the option, e.g. `budget.limits[0].per`. */
  readonly option: string;
  /** What was expected, in words. */
  readonly expected: string;
  /** What was given, described: never the value itself, which may be a secret. */
  readonly given: string;

  constructor(option: string, expected: string, given: unknown, hint = '') {
    const description = describe(given);
    super(`${option}: expected ${expected}, got ${description}${hint}`);
    this.option = option;
    this.expected = expected;
    this.given = description;
  }
}

/** The store of counters failed or did not answer. Nothing was sent; `cause` is the store's own error. */
export class BudgetStoreError extends BudgetError {
  override name = 'BudgetStoreError';
  /** What the store was asked to do. */
  readonly operation: string;

  constructor(operation: string, cause: unknown) {
    super(`the budget's store failed to ${operation}: ${describeCause(cause)}`, { cause });
    this.operation = operation;
  }
}

/** A `cost` limit applies to a call whose model has no known price. Nothing was sent. */
export class UnknownPriceError extends BudgetError {
  override name = 'UnknownPriceError';
  readonly model: string;
  readonly endpoint: string;

  constructor(model: string, endpoint: string) {
    super(
      `no price is known for model "${shown(model)}" on ${endpoint}, and a cost limit applies to the call: ` +
        'give one in budget.prices, or leave the model out of the limit by its `models`',
    );
    this.model = model;
    this.endpoint = endpoint;
  }
}

/** `ungoverned: 'reject'` is set and the call is none that the budget can govern. Nothing was sent. */
export class UngovernedEndpointError extends BudgetError {
  override name = 'UngovernedEndpointError';
  readonly method: string;
  readonly path: string;

  /** @param target path or URL; only its path is told, for the rest may hold secrets */
  constructor(method: string, target: string) {
    const path = target.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
    const call = `${method.toUpperCase()} ${shown(path)}`;
    super(`${call} is not governed by the budget, and budget.ungoverned is 'reject'`);
    this.method = method;
    this.path = path;
  }
}

/** Why a call was refused: a rolling window is full, a period's quota is spent, or the call can never fit. */
export type ExceededReason = 'rate' | 'quota' | 'too_large';

export interface QuotaExceededFields {
  limit: string;
  unit: Unit;
  max: number;
  used: number;
  remaining: number;
  requested: number;
  key: string;
  plan: string | undefined;
  resetAt: Date | undefined;
  retryAfterMs: number | undefined;
  reason: ExceededReason;
}

/** The body of a 429, as the API sends it under `error`. */
export interface QuotaErrorBody {
  message: string;
  type: string;
  param: null;
  code: 'rate_limit_exceeded' | 'insufficient_quota';
}

/**
 * A call does not fit into its budget. Nothing was sent and nothing was counted. A `RateLimitError` of the SDK with
 * `status` 429 and the `error` body and `headers` that the API itself would send, so that code which handles the
 * API's 429 handles this one. A 429 of the API stays a plain `RateLimitError`.
 */
export class QuotaExceeded extends RateLimitError implements QuotaExceededFields {
  override name = 'QuotaExceeded';
  /** Name of the limit that did not fit; of several, the one that takes longest to. */
  readonly limit: string;
  readonly unit: Unit;
  /** The limit's max, in its unit. */
  readonly max: number;
  /** Reserved and settled in the window so far, in the limit's unit. */
  readonly used: number;
  /** `max - used`, never below 0. */
  readonly remaining: number;
  /** What the call would have reserved. */
  readonly requested: number;
  /** The counter key that the limit counts for. */
  readonly key: string;
  readonly plan: string | undefined;
  /** When the window ends (fixed) or what was used has drained (rolling); undefined for a period without end. */
  readonly resetAt: Date | undefined;
  /** Milliseconds until the call fits; undefined when it never can. */
  readonly retryAfterMs: number | undefined;
  readonly reason: ExceededReason;

  constructor(fields: QuotaExceededFields, body: QuotaErrorBody, headers: Headers) {
    super(429, body, undefined, headers);
    this.limit = fields.limit;
    this.unit = fields.unit;
    this.max = fields.max;
    this.used = fields.used;
    this.remaining = fields.remaining;
    this.requested = fields.requested;
    this.key = fields.key;
    this.plan = fields.plan;
    this.resetAt = fields.resetAt;
    this.retryAfterMs = fields.retryAfterMs;
    this.reason = fields.reason;
  }
}

/** The body of a 403, as the API sends it under `error`. */
interface PermissionErrorBody {
  message: string;
  type: 'invalid_request_error';
  param: null;
  code: 'plan_denied';
}

/**
 * The caller's roles may not use the plan. Nothing was sent and nothing was counted. A `PermissionDeniedError` of the SDK
 * with `status` 403 and an `error` body in the API's form.
 */
export class PlanDenied extends PermissionDeniedError {
  override name = 'PlanDenied';
  readonly plan: string;
  /** Of the caller. */
  readonly roles: readonly string[];

  constructor(plan: string, roles: readonly string[]) {
    const body: PermissionErrorBody = {
      message: `The plan ${shown(plan)} is not open to the caller's roles.`,
      type: 'invalid_request_error',
      param: null,
      code: 'plan_denied',
    };
    super(403, body, undefined, new Headers());
    this.plan = plan;
    this.roles = roles;
  }
}

/** Most UTF-16 units of a text that a message shows. */
const MOST_SHOWN = 100;
/** What can break a line of a log, or turn its direction; and halves of characters, which no encoding takes. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/gu;

/** A text that comes from a call, as it stands in messages: its beginning, on one line, with escapes as in JSON. */
export function shown(text: string): string {
  const beginning = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
  return beginning.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A short, safe description of a value: its text if it is short, no URL and no API key, else its kind. */
function describe(value: unknown): string {
  if (typeof value === 'string') {
    const isShort = value.length <= 60 && !/:\/\/|@|^sk-/.test(value);
    return isShort ? shown(JSON.stringify(value)) : `a string of ${value.length} characters`;
  }
  if (value === null || ['number', 'boolean', 'undefined', 'bigint'].includes(typeof value))
    return String(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : `an array of ${value.length}`;
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  return name && name !== 'Object' ? `an instance of ${name}` : 'an object';
}

/** Name and code of a cause only: its message may carry a connection URL with a password. */
function describeCause(cause: unknown): string {
  if (!(cause instanceof Error)) return describe(cause);
  const code = 'code' in cause && typeof cause.code === 'string' ? ` (${cause.code})` : '';
  return `${cause.name}${code}`;
}
