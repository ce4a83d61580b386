import { PolicyImportError, quoted } from '../../import/errors.ts';
import type { Step, Syntax } from './syntax.ts';
import { type PlaceAt, type Token, tokensOf } from './tokens.ts';

/** From the loosest to the tightest. */
const BINARY: readonly (readonly string[])[] = [
  ['??'],
  ['||'],
  ['&&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['+', '-'],
  ['*'],
];

/** Types of casts, of type arguments and of variables. */
const TYPE =
  /^(?:string|bool|int|long|double|decimal|String|Boolean|Int32|Int64|Double|J(?:Object|Array|Token|Value))$/;

/** Brackets and signs within each other: deeper ones would exhaust the stack. */
const DEEPEST = 100;
const LONGEST = 2_000;

/**
 * An expression of the subset of C#: `@(expression)`, or `@{ var name = expression; return expression; }`.
 *
 * @throws PolicyImportError for what is not in the subset
 */
export function parseExpression(source: string, placeAt: PlaceAt): Syntax {
  const inner = source.slice(2, -1);
  const parser = new Parser(tokensOf(inner, (index) => placeAt(index + 2)));
  return source.startsWith('@{') ? parser.block() : parser.whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #locals = new Map<string, Syntax>();
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    const beyond = tokens[LONGEST];
    if (beyond !== undefined) throw new PolicyImportError(beyond.place, 'the expression is too long');
    this.#tokens = tokens;
  }

  whole(): Syntax {
    const expression = this.#expression();
    this.#end();
    return expression;
  }

  block(): Syntax {
    while (!this.#takes('return')) {
      if (!this.#takes('var') && this.#type() === undefined) throw this.#unexpected('a variable or return');
      const name = this.#name();
      this.#expect('=');
      this.#locals.set(name, this.#expression());
      this.#expect(';');
    }
    const expression = this.#expression();
    this.#expect(';');
    this.#end();
    return expression;
  }

  #expression(): Syntax {
    return this.#nested(() => {
      const test = this.#binary(0);
      if (!this.#takes('?')) return test;
      const yes = this.#expression();
      this.#expect(':');
      return { kind: 'choice', test, yes, no: this.#expression(), place: test.place };
    });
  }

  #binary(level: number): Syntax {
    const signs = BINARY[level];
    if (signs === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const sign = signs.find((candidate) => this.#takes(candidate));
      if (sign === undefined) return left;
      left = { kind: 'binary', sign, left, right: this.#binary(level + 1), place: left.place };
    }
  }

  #unary(): Syntax {
    return this.#nested(() => {
      const { place } = this.#token;
      const sign = ['!', '-'].find((candidate) => this.#takes(candidate));
      if (sign !== undefined) return { kind: 'unary', sign, operand: this.#unary(), place };
      const type = this.#cast();
      if (type !== undefined) return { kind: 'cast', type, operand: this.#unary(), place };
      return this.#chain();
    });
  }

  /** The type of a cast, if one comes next. */
  #cast(): string | undefined {
    const start = this.#next;
    if (this.#takes('(')) {
      const type = this.#type();
      if (type !== undefined && this.#takes(')')) return type;
    }
    this.#next = start;
    return undefined;
  }

  #chain(): Syntax {
    const head = this.#primary();
    const steps: Step[] = [];
    for (let step = this.#step(); step !== undefined; step = this.#step()) steps.push(step);
    return steps.length === 0 ? head : { kind: 'chain', head, steps, place: head.place };
  }

  #step(): Step | undefined {
    const { place } = this.#token;
    for (const sign of ['[', '?[']) {
      if (!this.#takes(sign)) continue;
      const index = this.#expression();
      this.#expect(']');
      return { kind: 'index', index, optional: sign === '?[', place };
    }
    for (const sign of ['.', '?.']) {
      if (!this.#takes(sign)) continue;
      const optional = sign === '?.';
      const name = this.#name();
      const type = this.#typeArgument();
      if (!this.#takes('(')) {
        if (type !== undefined) throw this.#unexpected('(');
        return { kind: 'member', name, optional, place };
      }
      return { kind: 'call', name, type, args: this.#list(')', () => this.#argument()), optional, place };
    }
    return undefined;
  }

  /** `<int?>` before the arguments of a call; a `<` that is none compares. */
  #typeArgument(): string | undefined {
    const start = this.#next;
    if (this.#takes('<')) {
      const type = this.#type();
      if (type !== undefined && this.#takes('>') && this.#token.text === '(') return type;
    }
    this.#next = start;
    return undefined;
  }

  /** An argument may be named, as in `preserveContent: true`: these calls have one order only. */
  #argument(): Syntax {
    const named = this.#token.kind === 'name' && this.#tokens[this.#next + 1]?.text === ':';
    if (named) this.#next += 2;
    return this.#expression();
  }

  #primary(): Syntax {
    const token = this.#token;
    const { place } = token;
    if (token.kind === 'text' || token.kind === 'number') {
      this.#next++;
      return { kind: 'literal', value: token.kind === 'text' ? token.text : Number(token.text), place };
    }
    if (this.#takes('(')) {
      const expression = this.#expression();
      this.#expect(')');
      return expression;
    }
    if (this.#takes('new')) return this.#array(place);
    if (token.kind !== 'name') throw this.#unexpected('a value');
    this.#next++;
    const literal = LITERALS.get(token.text);
    if (literal !== undefined) return { kind: 'literal', value: literal.value, place };
    return this.#locals.get(token.text) ?? { kind: 'name', name: token.text, place };
  }

  /** `new[] { "a", "b" }` or `new string[] { … }`. */
  #array(place: Token['place']): Syntax {
    this.#type();
    this.#expect('[');
    this.#expect(']');
    this.#expect('{');
    return { kind: 'array', items: this.#list('}', () => this.#expression()), place };
  }

  #list(closing: string, item: () => Syntax): readonly Syntax[] {
    const items: Syntax[] = [];
    while (!this.#takes(closing)) {
      if (items.length > 0) this.#expect(',');
      items.push(item());
    }
    return items;
  }

  /** A type, if one comes next. */
  #type(): string | undefined {
    const { kind, text } = this.#token;
    if (kind !== 'name' || !TYPE.test(text)) return undefined;
    this.#next++;
    return this.#takes('?') ? `${text}?` : text;
  }

  #name(): string {
    const { kind, text } = this.#token;
    if (kind !== 'name') throw this.#unexpected('a name');
    this.#next++;
    return text;
  }

  get #token(): Token {
    return this.#tokens[Math.min(this.#next, this.#tokens.length - 1)] as Token;
  }

  /** Whether this sign or word comes next, which is then behind us. */
  #takes(text: string): boolean {
    const token = this.#token;
    const found = token.text === text && (token.kind === 'sign' || token.kind === 'name');
    if (found) this.#next++;
    return found;
  }

  #expect(sign: string): void {
    if (!this.#takes(sign)) throw this.#unexpected(sign);
  }

  #end(): void {
    if (this.#token.kind !== 'end') throw this.#unexpected('the end');
  }

  #nested(read: () => Syntax): Syntax {
    if (++this.#depth > DEEPEST) throw new PolicyImportError(this.#token.place, 'the expression is too deep');
    const syntax = read();
    this.#depth--;
    return syntax;
  }

  #unexpected(expected: string): PolicyImportError {
    const { kind, text, place } = this.#token;
    const given = kind === 'end' ? 'its end' : quoted(text);
    return new PolicyImportError(
      place,
      `an expression that is not understood: expected ${expected}, got ${given}`,
    );
  }
}

const LITERALS: ReadonlyMap<string, { readonly value: boolean | null }> = new Map([
  ['true', { value: true }],
  ['false', { value: false }],
  ['null', { value: null }],
]);
