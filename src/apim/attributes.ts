import { type Place, PolicyImportError, quoted } from '../import/errors.ts';
import type { AttributeValue, PolicyElement } from './document.ts';
import { compileExpression } from './expression/compile.ts';
import { parseExpression } from './expression/parse.ts';
import type { Syntax } from './expression/syntax.ts';
import { type Variables, withVariables } from './expression/variables.ts';

/** The attributes of an element, as its policy reads them; expressions may read the policy's variables. */
export class Attributes {
  readonly #element: PolicyElement;
  readonly #variables: Variables;

  /** @throws PolicyImportError for an attribute that is not among the known ones */
  constructor(element: PolicyElement, known: readonly string[], variables: Variables) {
    this.#element = element;
    this.#variables = variables;
    for (const [name, value] of element.attributes) {
      // Every policy may have an id, which says nothing.
      if (name === 'id' || known.includes(name)) continue;
      throw new PolicyImportError(value.placeAt(0), `the attribute ${name} is not known`);
    }
  }

  has(name: string): boolean {
    return this.#element.attributes.has(name);
  }

  placeOf(name: string): Place {
    return this.#element.attributes.get(name)?.placeAt(0) ?? this.#element.place;
  }

  error(name: string, what: string): PolicyImportError {
    return new PolicyImportError(this.placeOf(name), `${name}: ${what}`);
  }

  /** A text that is no expression. */
  text(name: string): string | undefined {
    const value = this.#element.attributes.get(name);
    if (value === undefined) return undefined;
    if (isExpression(value)) throw this.error(name, 'an expression is not allowed here');
    return plainText(name, value);
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name);
    const choice = choices.find((known) => known === text);
    if (text === undefined || choice !== undefined) return choice;
    throw this.error(name, `expected ${choices.join(' or ')}, got ${quoted(text)}`);
  }

  /** A whole number, or an expression that is one whatever the call. */
  number(name: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
    if (!this.has(name)) return undefined;
    const syntax = this.syntax(name);
    const value = syntax && compileExpression(syntax, 'nothing')({});
    const number = typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isSafeInteger(number) && number >= least && number <= most)
      return number;
    const bounds = most < Number.MAX_SAFE_INTEGER ? `${least} to ${most}` : `${least} or more`;
    const given = typeof value === 'string' ? quoted(value) : String(value);
    throw this.error(name, `expected a whole number, ${bounds}, got ${given}`);
  }

  /** As `number`, but it must be given. */
  requiredNumber(name: string, least: number, most?: number): number {
    const number = this.number(name, least, most);
    if (number === undefined) throw this.missing(name);
    return number;
  }

  header(name: string): string | undefined {
    const text = this.text(name);
    if (text === undefined || /^[!#$%&'*+.^_`|~\w-]+$/.test(text)) return text;
    throw this.error(name, `expected the name of an HTTP header, got ${quoted(text)}`);
  }

  /** An expression, or a text that stands for itself. */
  syntax(name: string): Syntax | undefined {
    const value = this.#element.attributes.get(name);
    return value === undefined ? undefined : withVariables(syntaxOf(name, value), this.#variables);
  }

  /** A counter key: an expression, or a text that is not empty. */
  key(name: string): Syntax {
    const syntax = this.syntax(name);
    if (syntax === undefined) throw this.missing(name);
    if (syntax.kind === 'literal' && syntax.value === '') throw this.error(name, 'expected a key, got ""');
    return syntax;
  }

  /** A number of calls: an expression, or a whole number. */
  count(name: string): Syntax | undefined {
    const syntax = this.syntax(name);
    const number = syntax?.kind === 'literal' ? this.number(name, 0) : undefined;
    return syntax !== undefined && number !== undefined
      ? { kind: 'literal', value: number, place: syntax.place }
      : syntax;
  }

  /** A condition: an expression, or `true` or `false`. */
  condition(name: string): Syntax | undefined {
    const syntax = this.syntax(name);
    if (syntax?.kind !== 'literal' || typeof syntax.value !== 'string') return syntax;
    const text = syntax.value.trim().toLowerCase();
    if (text !== 'true' && text !== 'false')
      throw this.error(name, `expected a condition, got ${quoted(syntax.value)}`);
    return { ...syntax, value: text === 'true' };
  }

  missing(name: string): PolicyImportError {
    return new PolicyImportError(this.#element.place, `the attribute ${name} is missing`);
  }
}

function isExpression({ text }: AttributeValue): boolean {
  return /^\s*@[({]/.test(text);
}

function syntaxOf(name: string, value: AttributeValue): Syntax {
  if (!isExpression(value))
    return { kind: 'literal', value: plainText(name, value), place: value.placeAt(0) };
  const start = value.text.search(/\S/);
  return parseExpression(value.text.trim(), (index) => value.placeAt(start + index));
}

function plainText(name: string, value: AttributeValue): string {
  if (!value.text.includes('{{')) return value.text;
  throw new PolicyImportError(value.placeAt(0), `${name}: a named value is known to the gateway alone`);
}
