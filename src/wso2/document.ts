import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
} from 'yaml';
import { type Place, PolicyImportError, quoted } from '../import/errors.ts';

/** A value of an exported file: a field of a policy, or the whole of it. */
export class Exported {
  readonly #node: Node | undefined;
  readonly #document: Document;
  readonly #lines: LineCounter;
  /** Path of the field, e.g. `defaultLimit.aiApiQuota`. */
  readonly path: string;

  constructor(node: Node | undefined, path: string, document: Document, lines: LineCounter) {
    this.#node = isAlias(node) ? node.resolve(document) : node;
    this.#document = document;
    this.#lines = lines;
    this.path = path;
  }

  get place(): Place {
    return placeAt(this.#lines, this.#node?.range?.[0] ?? 0, this.path);
  }

  error(what: string): PolicyImportError {
    return new PolicyImportError(this.place, what);
  }

  /** Whether nothing is given: no such field, or null. */
  get isMissing(): boolean {
    return this.#node === undefined || (isScalar(this.#node) && this.#node.value === null);
  }

  get isMap(): boolean {
    return isMap(this.#node);
  }

  get isList(): boolean {
    return isSeq(this.#node);
  }

  /** Undefined if nothing is given. @throws PolicyImportError for another kind of value, as all below */
  text(): string | undefined {
    return this.#scalar('a text', (value): value is string => typeof value === 'string');
  }

  boolean(): boolean | undefined {
    return this.#scalar('true or false', (value): value is boolean => typeof value === 'boolean');
  }

  /** A whole number >= 0. */
  count(): number | undefined {
    return this.#scalar(
      'a whole number >= 0',
      (value): value is number => Number.isSafeInteger(value) && Number(value) >= 0,
    );
  }

  oneOf<T extends string>(choices: readonly T[]): T | undefined {
    const expected = choices.join(' or ');
    return this.#scalar(expected, (value): value is T => choices.some((known) => known === value));
  }

  list(): readonly Exported[] {
    if (this.isMissing) return [];
    if (!isSeq(this.#node)) throw this.error('expected a list');
    return this.#node.items.map((item, i) => this.#part(item as Node, `${this.path}[${i}]`));
  }

  /** A field of it; missing if it has none of that name. */
  field(name: string): Exported {
    const node = isMap(this.#node) ? this.#node.get(name, true) : undefined;
    return this.#part(node, this.path === '' ? name : `${this.path}.${name}`);
  }

  /** Checks that it holds no other fields. @throws PolicyImportError at the first that is not known */
  checkFields(known: readonly string[]): void {
    if (!isMap(this.#node)) throw this.error('expected an object');
    for (const { key } of this.#node.items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (known.includes(name)) continue;
      const at = placeAt(this.#lines, (key as Node).range?.[0] ?? 0, this.path);
      throw new PolicyImportError(at, `the field ${quoted(name)} is not known`);
    }
  }

  #part(node: Node | undefined, path: string): Exported {
    return new Exported(node, path, this.#document, this.#lines);
  }

  #scalar<T>(expected: string, isOne: (value: unknown) => value is T): T | undefined {
    if (this.isMissing) return undefined;
    const value: unknown = isScalar(this.#node) ? this.#node.value : undefined;
    if (isOne(value)) return value;
    const given = isScalar(this.#node) ? quoted(String(value)) : this.isList ? 'a list' : 'an object';
    throw this.error(`expected ${expected}, got ${given}`);
  }
}

/** The documents of a YAML or JSON text. @throws PolicyImportError if it is neither */
export function parseExport(text: string): readonly Exported[] {
  const lines = new LineCounter();
  // Every object of JSON is one of YAML.
  const documents: readonly Document[] = [
    ...parseAllDocuments(text, { lineCounter: lines, logLevel: 'silent' }),
  ];
  for (const { errors } of documents) {
    const [error] = errors;
    if (error === undefined) continue;
    // The message goes on with the lines around the error.
    const what = error.message.split('\n', 1)[0]?.replace(/ at line \d+, column \d+:$/, '') ?? '';
    throw new PolicyImportError(placeAt(lines, error.pos[0], 'YAML'), what);
  }
  const values = documents
    .map((document) => new Exported(document.contents ?? undefined, '', document, lines))
    .filter(({ isMissing }) => !isMissing);
  if (values.length === 0)
    throw new PolicyImportError(placeAt(lines, 0, ''), 'expected a policy, got nothing');
  return values;
}

function placeAt(lines: LineCounter, offset: number, path: string): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1), element: path === '' ? 'policy' : path };
}
