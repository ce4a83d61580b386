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

/** A policy holds what cannot be honoured, or is none. Thrown by the import; nothing of the policy holds. */
export class PolicyImportError extends BudgetError implements Place {
  override name = 'PolicyImportError';
  readonly line: number;
  readonly column: number;
  readonly element: string;
  /** What cannot be honoured, in words. */
  readonly what: string;

  constructor(place: Place, what: string) {
    super(messageOf(place, what));
    this.line = place.line;
    this.column = place.column;
    this.element = place.element;
    this.what = what;
  }
}

/**
 * An imported expression has no value for a call: a member of what is null, a number that is none. The gateway fails such
 * a call, too. Nothing was sent.
 */
export class PolicyEvaluationError extends BudgetError implements Place {
  override name = 'PolicyEvaluationError';
  readonly line: number;
  readonly column: number;
  readonly element: string;
  readonly what: string;

  constructor(place: Place, what: string) {
    super(messageOf(place, what));
    this.line = place.line;
    this.column = place.column;
    this.element = place.element;
    this.what = what;
  }
}

function messageOf({ line, column, element }: Place, what: string): string {
  return `line ${line}, column ${column}, ${element}: ${what}`;
}

/** A text from an imported file, short enough for a message. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
