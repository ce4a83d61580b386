import type { Place } from '../../import/errors.ts';

/** A type as casts and type arguments name it, e.g. `int?`. */
export type TypeName = string;

/** One step of `context.Request.Body.As<JObject>()["n"]`; `optional` after `?.` and `?[`. */
export type Step = { readonly optional: boolean; readonly place: Place } & (
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'index'; readonly index: Syntax }
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly type: TypeName | undefined;
      readonly args: readonly Syntax[];
    }
);

/** An expression of the subset of C#. */
export type Syntax = { readonly place: Place } & (
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'chain'; readonly head: Syntax; readonly steps: readonly Step[] }
  | { readonly kind: 'unary'; readonly sign: string; readonly operand: Syntax }
  | { readonly kind: 'binary'; readonly sign: string; readonly left: Syntax; readonly right: Syntax }
  | { readonly kind: 'cast'; readonly type: TypeName; readonly operand: Syntax }
  | { readonly kind: 'choice'; readonly test: Syntax; readonly yes: Syntax; readonly no: Syntax }
  | { readonly kind: 'array'; readonly items: readonly Syntax[] }
);

/** The same text for expressions that are the same, wherever they stand. */
export function textOfSyntax(syntax: Syntax): string {
  return JSON.stringify(syntax, (name, value: unknown) => (name === 'place' ? undefined : value));
}
