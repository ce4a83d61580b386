import { PolicyImportError, quoted } from '../../import/errors.ts';
import { contextValue, type Reads, type Scope } from './context.ts';
import { methodOnType, methodOnValue, property } from './methods.ts';
import type { Step, Syntax } from './syntax.ts';
import { arithmetic, at, cast, compare, equal, fail, isMissing, truth, type Value } from './values.ts';

/** An expression, ready for use. @throws PolicyEvaluationError where it has no value */
export type Evaluate = (scope: Scope) => Value;

/**
 * Makes a function of an expression that holds no variables any more.
 *
 * @param reads what it may read
 * @throws PolicyImportError for what is not in the subset, or may not be read
 */
export function compileExpression(syntax: Syntax, reads: Reads): Evaluate {
  const compiled = (part: Syntax): Evaluate => compileExpression(part, reads);
  const { place } = syntax;
  switch (syntax.kind) {
    case 'literal':
      return () => syntax.value;
    case 'name':
      throw new PolicyImportError(place, `${quoted(syntax.name)} is not understood`);
    case 'array': {
      const items = syntax.items.map(compiled);
      return (scope) => items.map((item) => item(scope));
    }
    case 'cast': {
      const operand = compiled(syntax.operand);
      return (scope) => cast(syntax.type, operand(scope), place);
    }
    case 'unary':
      return unary(syntax.sign, compiled(syntax.operand), syntax);
    case 'choice': {
      const [test, yes, no] = [compiled(syntax.test), compiled(syntax.yes), compiled(syntax.no)];
      return (scope) => (truth(test(scope), place) ? yes(scope) : no(scope));
    }
    case 'binary':
      return binary(syntax, compiled(syntax.left), compiled(syntax.right));
    case 'chain':
      return chain(syntax, reads, compiled);
  }
}

function unary(sign: string, operand: Evaluate, { place }: Syntax): Evaluate {
  if (sign === '!') return (scope) => !truth(operand(scope), place);
  return (scope) => arithmetic('-', 0, operand(scope), place);
}

function binary({ sign, place }: Syntax & { kind: 'binary' }, left: Evaluate, right: Evaluate): Evaluate {
  switch (sign) {
    case '??':
      return (scope) => left(scope) ?? right(scope);
    case '||':
      return (scope) => truth(left(scope), place) || truth(right(scope), place);
    case '&&':
      return (scope) => truth(left(scope), place) && truth(right(scope), place);
    case '==':
      return (scope) => equal(left(scope), right(scope));
    case '!=':
      return (scope) => !equal(left(scope), right(scope));
    case '<':
    case '<=':
    case '>':
    case '>=':
      return (scope) => compare(sign, left(scope), right(scope), place);
    default:
      return (scope) => arithmetic(sign, left(scope), right(scope), place);
  }
}

function chain(
  { head, steps, place }: Syntax & { kind: 'chain' },
  reads: Reads,
  compiled: (part: Syntax) => Evaluate,
): Evaluate {
  if (head.kind !== 'name') return follow(compiled(head), steps, compiled);
  const [first, ...rest] = steps;
  if (head.name === 'StringComparison' && first?.kind === 'member' && rest.length === 0)
    return () => first.name;
  if (head.name !== 'context') {
    if (first?.kind !== 'call') throw new PolicyImportError(place, `${quoted(head.name)} is not understood`);
    const call = called(first, methodOnType(head.name, first.name, first.args.length, first.place), compiled);
    return follow((scope) => call(undefined, scope), rest, compiled);
  }
  const value = contextValue(steps, place, literalText);
  if (value.reads !== reads) throw new PolicyImportError(place, NOT_READ[reads]);
  return follow((scope) => value.read(scope), value.rest, compiled);
}

/** Why other things cannot be read, by what can. */
const NOT_READ: { readonly [R in Reads]: string } = {
  call: 'the response cannot be read here: limits hold before a call is sent',
  outcome: 'the request cannot be read here, context.Response.StatusCode alone',
  nothing: 'expected a constant',
};

type Apply = (target: Value, scope: Scope) => Value;

/** A `?.` on null ends the chain; another step on null has no value. What the caller does not tell has no parts. */
function follow(head: Evaluate, steps: readonly Step[], compiled: (part: Syntax) => Evaluate): Evaluate {
  const applied = steps.map((step) => ({ step, apply: applier(step, compiled) }));
  return (scope) => {
    let value = head(scope);
    for (const { step, apply } of applied) {
      if (value === undefined) return undefined;
      if (isMissing(value)) return step.optional ? null : fail(step.place, 'the value is null');
      value = apply(value, scope);
    }
    return value;
  };
}

function applier(step: Step, compiled: (part: Syntax) => Evaluate): Apply {
  switch (step.kind) {
    case 'index': {
      const index = compiled(step.index);
      return (target, scope) => at(target, index(scope), step.place);
    }
    case 'member':
      return property(step.name, step.place);
    case 'call':
      return called(step, methodOnValue(step.name, step.args.length, step.place), compiled);
  }
}

function called(
  { args, type, place }: Step & { kind: 'call' },
  method: ReturnType<typeof methodOnValue>,
  compiled: (part: Syntax) => Evaluate,
): Apply {
  const values = args.map(compiled);
  return (target, scope) => method(target, { args: values.map((value) => value(scope)), type, place });
}

/** The text that an index or argument is. */
function literalText(step: Step, index: number): string | undefined {
  const [syntax] = step.kind === 'index' ? [step.index] : step.kind === 'call' ? step.args.slice(index) : [];
  return syntax?.kind === 'literal' && typeof syntax.value === 'string' ? syntax.value : undefined;
}
