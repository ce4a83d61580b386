import { type Place, PolicyImportError, quoted } from '../../import/errors.ts';
import type { Step, Syntax } from './syntax.ts';

/** The variables of a policy, as far as they are set. */
export type Variables = ReadonlyMap<string, () => Syntax>;

/**
 * The expression, with what its variables stand for in their places.
 *
 * @throws PolicyImportError for a variable that no `set-variable` above it sets
 */
export function withVariables(syntax: Syntax, variables: Variables): Syntax {
  const replaced = (part: Syntax): Syntax => withVariables(part, variables);
  switch (syntax.kind) {
    case 'literal':
    case 'name':
      return syntax;
    case 'unary':
    case 'cast':
      return { ...syntax, operand: replaced(syntax.operand) };
    case 'binary':
      return { ...syntax, left: replaced(syntax.left), right: replaced(syntax.right) };
    case 'choice':
      return {
        ...syntax,
        test: replaced(syntax.test),
        yes: replaced(syntax.yes),
        no: replaced(syntax.no),
      };
    case 'array':
      return { ...syntax, items: syntax.items.map(replaced) };
    case 'chain':
      return chain(syntax, variables, replaced);
  }
}

function chain(
  { head, steps, place }: Syntax & { readonly kind: 'chain' },
  variables: Variables,
  replaced: (part: Syntax) => Syntax,
): Syntax {
  const within = steps.map((step) => stepWith(step, replaced));
  const [first, read, ...rest] = within;
  const isVariable =
    head.kind === 'name' && head.name === 'context' && first?.kind === 'member' && first.name === 'Variables';
  if (!isVariable) return { kind: 'chain', head: replaced(head), steps: within, place };
  const value = variable(read, place, variables);
  return rest.length === 0 ? value : { kind: 'chain', head: value, steps: rest, place };
}

function stepWith(step: Step, replaced: (part: Syntax) => Syntax): Step {
  if (step.kind === 'index') return { ...step, index: replaced(step.index) };
  return step.kind === 'call' ? { ...step, args: step.args.map(replaced) } : step;
}

/** `Variables["name"]` or `Variables.GetValueOrDefault<T>("name", orElse)`. */
function variable(read: Step | undefined, place: Place, variables: Variables): Syntax {
  const isCall = read?.kind === 'call' && read.name === 'GetValueOrDefault';
  const [name, orElse] = read?.kind === 'index' ? [read.index] : isCall ? read.args : [];
  if (name?.kind !== 'literal' || typeof name.value !== 'string')
    throw new PolicyImportError(
      place,
      'of variables, only ["name"] and GetValueOrDefault("name") are understood',
    );
  const value = variables.get(name.value)?.();
  if (value === undefined)
    throw new PolicyImportError(place, `no set-variable above sets the variable ${quoted(name.value)}`);
  return orElse === undefined ? value : { kind: 'binary', sign: '??', left: value, right: orElse, place };
}
