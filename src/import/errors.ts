import { BudgetError } from '../errors.ts';

/** Where something stands in an imported text. */
export interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** The element or field, e.g. `rate-limit-by-key`. */
  readonly element: string;
}

/** Base of the errors that name a place of an imported text. */
export abstract class PolicyError extends BudgetError implements Place {
  readonly line: number;
  readonly column: number;
  readonly element: string;
  /** What is wrong, in words. */
  readonly what: string;

  constructor({ line, column, element }: Place, what: string) {
    super(`line ${line}, column ${column}, ${element}: ${what}`);
    this.line = line;
    this.column = column;
    this.element = element;
    this.what = what;
  }
}

/** A policy holds what cannot be honoured, or is none. Thrown by the import; nothing of the policy holds. */
export class PolicyImportError extends PolicyError {
  override name = 'PolicyImportError';
}

/**
 * An imported expression has no value for a call: a member of what is null, a number that is none. The gateway fails such
 * a call, too. Nothing was sent.
 */
export class PolicyEvaluationError extends PolicyError {
  override name = 'PolicyEvaluationError';
}

/** A text from an imported file, short enough for a message. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
