import { type Fields, isFields, listOf } from '../json.ts';
import { jsonOf } from './json-text.ts';

/** Levels of a schema that are written; the API refuses far fewer. */
const MOST_LEVELS = 100;
/** UTF-16 units that are written at most, of a schema that refers to itself again and again. */
const MOST_UNITS = 1_000_000;
/** What a schema says of its values beyond their type, and is shown behind it: only `format` was seen in recordings. */
const REMARKS = ['format', 'pattern', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems'];
/** All that is written of a schema. */
const KEYWORDS: readonly string[] = [
  ...['title', 'description', 'type', 'properties', 'required', 'items', 'enum', 'const', 'default'],
  ...['anyOf', 'oneOf', 'allOf', ...REMARKS],
];
/** References to references that are followed. */
const MOST_REFERENCES = 16;
/** Steps of a reference that are followed. */
const MOST_STEPS = 32;

/**
 * A schema of JSON as the type in TypeScript that models are shown, for the parameters of a function; undefined if it is
 * too deep or too long to be written.
 */
export function typeScript(schema: Fields): string | undefined {
  const writer = new TypeWriter(schema);
  const type = heading(schema) + writer.object(schema);
  return writer.complete ? type : undefined;
}

/** Title and description as comments: lines trimmed, an empty one between the two. */
export function heading({ title, description }: Fields): string {
  const above = commentLines(title);
  const below = commentLines(description);
  return above === '' || below === '' ? above + below : `${above}//\n${below}`;
}

export function commentLines(text: unknown): string {
  if (typeof text !== 'string' || text === '') return '';
  return text
    .trim()
    .split('\n')
    .map((line) => `${`// ${line.trim()}`.trimEnd()}\n`)
    .join('');
}

class TypeWriter {
  /** False once something was left out. */
  complete = true;
  readonly #root: Fields;
  /** Schemas that are being written: one that refers to one of them is cut there. */
  readonly #open = new Set<Fields>();
  #units = 0;

  constructor(root: Fields) {
    this.#root = root;
  }

  /** Properties with any comment or line break stand on lines of their own, others beside each other. */
  object(schema: Fields): string {
    const { properties } = schema;
    if (!isFields(properties)) return 'object';
    const required = new Set(listOf(schema['required']));
    const members: string[] = [];
    let commented = false;
    for (const [name, value] of Object.entries(properties)) {
      const property = this.#resolve(value);
      const above = heading(property);
      const behind = remarks(property);
      const member = `${name}${required.has(name) ? '' : '?'}:${this.#member(property)}`;
      commented ||= above !== '' || behind !== '' || member.includes('\n');
      this.#count(above.length + member.length + behind.length);
      members.push(`${above}${member},${behind}\n`);
      if (!this.complete) break;
    }
    if (commented) return `{\n${members.join('')}}`;
    return `{ ${members.map((member) => member.slice(0, -2)).join(', ')} }`;
  }

  /** The type behind the colon of a property; several types stand on lines of their own. */
  #member(schema: Fields): string {
    const type = this.type(schema);
    return type.startsWith('\n') ? type : ` ${type}`;
  }

  type(schema: Fields): string {
    if (this.#open.size >= MOST_LEVELS) this.complete = false;
    // A type within itself: how it is shown is not known.
    if (!this.complete || this.#open.has(schema)) return 'any';
    this.#open.add(schema);
    const type = this.#write(schema);
    this.#open.delete(schema);
    return type;
  }

  #write(schema: Fields): string {
    const literals = Array.isArray(schema['enum']) ? schema['enum'] : constOf(schema);
    if (literals !== undefined) return this.#literals(literals);
    const variants = variantsOf(schema);
    if (variants !== undefined) return this.#union(variants);
    const { type } = schema;
    if (type === 'array') return this.#array(schema);
    if (type === 'object' || isFields(schema['properties'])) return this.object(schema);
    if (type === 'integer') return 'number';
    return typeof type === 'string' ? type : 'any';
  }

  #literals(values: readonly unknown[]): string {
    const text = values.map((value) => jsonOf(value) ?? 'null').join(' | ');
    this.#count(text.length);
    return text;
  }

  #union(variants: readonly unknown[]): string {
    let lines = '\n';
    for (const value of variants) {
      const variant = this.#resolve(value);
      const line = `${heading(variant)} | ${this.type(variant)}${remarks(variant)}\n`;
      this.#count(line.length);
      lines += line;
      if (!this.complete) break;
    }
    return lines;
  }

  #array(schema: Fields): string {
    if (schema['items'] === undefined) return 'any[]';
    const items = this.#resolve(schema['items']);
    const above = heading(items);
    const type = this.type(items);
    return above !== '' || type.includes('\n') ? `Array<\n${above}${type}\n>` : `${type}[]`;
  }

  /** The schema that a `$ref` within the root stands for; what stands beside the reference goes before it. */
  #resolve(value: unknown): Fields {
    let schema = isFields(value) ? value : {};
    for (let hops = 0; hops < MOST_REFERENCES && typeof schema['$ref'] === 'string'; hops++) {
      const target = pointedAt(this.#root, schema['$ref']);
      const alone = KEYWORDS.every((name) => schema[name] === undefined);
      schema = alone || this.#open.has(target) ? target : merged(target, schema);
    }
    return schema;
  }

  #count(units: number): void {
    this.#units += units;
    if (this.#units > MOST_UNITS) this.complete = false;
  }
}

/** The keywords of two schemas, those of the second first; picked one by one, whatever else the schemas hold. */
function merged(below: Fields, above: Fields): Fields {
  const schema: Record<string, unknown> = { $ref: below['$ref'] };
  for (const name of KEYWORDS) schema[name] = above[name] ?? below[name];
  return schema;
}

/** What `#/$defs/name` points at; a schema of anything if there is none. */
function pointedAt(root: Fields, pointer: string): Fields {
  let target: unknown = pointer.startsWith('#') ? root : undefined;
  for (const step of pointer.split('/', MOST_STEPS).slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    target = isFields(target) && Object.hasOwn(target, name) ? target[name] : undefined;
  }
  return isFields(target) ? target : {};
}

function constOf(schema: Fields): readonly unknown[] | undefined {
  return schema['const'] === undefined ? undefined : [schema['const']];
}

/** Each type of a list of types is shown with all that the schema says. */
function variantsOf(schema: Fields): readonly unknown[] | undefined {
  const { type } = schema;
  if (Array.isArray(type)) return type.map((one) => merged(schema, { type: one }));
  for (const name of ['anyOf', 'oneOf', 'allOf']) {
    if (Array.isArray(schema[name])) return schema[name];
  }
  return undefined;
}

/** A comment behind a type: a default of an enumeration stands without its quotes. */
function remarks(schema: Fields): string {
  const all: string[] = [];
  for (const name of REMARKS) {
    if (schema[name] !== undefined) all.push(`${name}: ${literal(schema[name])}`);
  }
  const preset = schema['default'];
  if (preset !== undefined)
    all.push(`default: ${schema['enum'] === undefined ? jsonOf(preset) : literal(preset)}`);
  return all.length === 0 ? '' : ` // ${all.join(', ')}`;
}

function literal(value: unknown): string {
  return typeof value === 'string' ? value : (jsonOf(value) ?? '');
}
