import type { Place } from '../import/errors.ts';
import type { Call, Outcome } from '../limits/call.ts';
import type { Limit, LimitHeaders } from '../limits/limit.ts';
import type { Period } from '../limits/period.ts';
import { compileExpression } from './expression/compile.ts';
import { type Syntax, textOfSyntax } from './expression/syntax.ts';
import { isMissing, textOf, truth, wholeNumber } from './expression/values.ts';

/** A limit as a policy says it, before it is merged with those that count on its counter. */
export interface Draft {
  readonly place: Place;
  readonly unit: 'requests' | 'tokens';
  readonly max: number;
  readonly per: Period;
  readonly window: 'rolling' | 'fixed';
  readonly startsAt?: Date | string | number | undefined;
  readonly endpoints?: readonly string[] | undefined;
  readonly headers: LimitHeaders;
  /** The counter key. */
  readonly key: Syntax;
  /** When the policy applies; undefined: always. */
  readonly when?: Syntax | undefined;
  readonly count?: Syntax | undefined;
  /** Undefined: what is billed counts. */
  readonly countIf?: Syntax | undefined;
}

/**
 * The limits of a policy. The gateway has one counter for each counter key: drafts that differ in nothing but when they
 * apply and how much they count become one limit, so that they count on one counter here, too.
 */
export function limitsOfDrafts(drafts: readonly Draft[]): Limit[] {
  const groups = new Map<string, Draft[]>();
  for (const draft of drafts) {
    const counter = counterOf(draft);
    groups.set(counter, [...(groups.get(counter) ?? []), draft]);
  }
  return [...groups.values()].map(limitOf);
}

function counterOf({ place: _place, when: _when, count: _count, key, countIf, ...rest }: Draft): string {
  const condition = countIf === undefined ? '' : textOfSyntax(countIf);
  return JSON.stringify([rest, textOfSyntax(key), condition]);
}

/** @param drafts at least one, alike but for `when` and `count` */
function limitOf(drafts: readonly Draft[]): Limit {
  const { unit, max, per, window, startsAt, endpoints, headers, key, countIf } = drafts[0] as Draft;
  return {
    ...(unit === 'tokens' ? { tokens: max } : { requests: max }),
    per,
    window,
    ...(startsAt !== undefined && { startsAt }),
    ...(endpoints !== undefined && { endpoints }),
    ...(Object.values(headers).some((name) => name !== undefined) && { headers }),
    ...(drafts.every(({ when }) => when !== undefined) && { when: whenOf(drafts) }),
    ...(drafts.some(({ count }) => count !== undefined) && { count: countOf(drafts) }),
    ...(countIf !== undefined && { countIf: countIfOf(countIf) }),
    key: keyOf(key),
  };
}

function keyOf(syntax: Syntax): string | ((call: Call) => string | undefined) {
  if (syntax.kind === 'literal' && typeof syntax.value === 'string') return syntax.value;
  const evaluate = compileExpression(syntax, 'call');
  return (call) => {
    const key = evaluate({ call });
    return isMissing(key) ? undefined : textOf(key, syntax.place) || undefined;
  };
}

function whenOf(drafts: readonly Draft[]): (call: Call) => boolean {
  const conditions = drafts.map(({ when }) => conditionOf(when));
  return (call) => conditions.some((holds) => holds(call));
}

/** As much as the first policy counts that applies: the gateway counts once for a key. */
function countOf(drafts: readonly Draft[]): (call: Call) => number {
  const counts = drafts.map(({ when, count, place }) => {
    const evaluate = count === undefined ? () => 1 : compileExpression(count, 'call');
    return {
      holds: conditionOf(when),
      count: (call: Call) => wholeNumber(evaluate({ call }), count?.place ?? place),
    };
  });
  return (call) => counts.find(({ holds }) => holds(call))?.count(call) ?? 0;
}

function conditionOf(when: Syntax | undefined): (call: Call) => boolean {
  if (when === undefined) return () => true;
  const evaluate = compileExpression(when, 'call');
  return (call) => truth(evaluate({ call }), when.place);
}

function countIfOf(syntax: Syntax): (outcome: Outcome) => boolean {
  const evaluate = compileExpression(syntax, 'outcome');
  return (outcome) => truth(evaluate({ outcome }), syntax.place);
}
