import { type Attr, DOMParser, type Element, type Node, ParseError } from '@xmldom/xmldom';
import { type Place, PolicyImportError } from '../import/errors.ts';
import { type Masked, maskExpressions, placeAt } from './masked.ts';

/** An attribute's value, entities decoded. */
export interface AttributeValue {
  readonly text: string;
  /** Where its n-th character stands. */
  placeAt(index: number): Place;
}

/** An element of a policy document. */
export interface PolicyElement {
  readonly name: string;
  readonly place: Place;
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  readonly children: readonly PolicyElement[];
  /** Text directly in it, without white space around. */
  readonly text: string;
}

/** Makes one document of several elements. */
const ROOT = '<_>';

/** The top elements of a policy document, or of a part of one. @throws PolicyImportError if it is no XML */
export function parsePolicies(text: string): readonly PolicyElement[] {
  const source = text
    .replace(/\r\n?|\u0085|\u2028/g, '\n')
    .replace(/^\uFEFF?\s*<\?xml[\s\S]*?\?>/, (declaration) => declaration.replace(/[^\n]/g, ' '));
  const masked = maskExpressions(source);
  const root = parse(masked);
  return new Reader(source, masked).children(root);
}

function parse({ xml, unmask }: Masked): Element {
  let problem = new PolicyImportError(
    { line: 1, column: 1, element: 'XML' },
    'expected a policy, got nothing',
  );
  const parser = new DOMParser({
    onError(_level, message, context: { locator?: { lineNumber?: number; columnNumber?: number } }) {
      const { lineNumber: line = 1, columnNumber: column = 1 } = context.locator ?? {};
      const place = { line: Math.max(line, 1), column: original(line, column), element: 'XML' };
      problem = new PolicyImportError(place, unmask(message));
      throw problem;
    },
  });
  let root: Element | null = null;
  try {
    root = parser.parseFromString(`${ROOT}${xml}</_>`, 'text/xml').documentElement;
  } catch (cause) {
    // The parser throws an error of its own around the one that it was given.
    if (!(cause instanceof ParseError)) throw cause;
  }
  if (root === null) throw problem;
  return root;
}

/** The column in the text without the root element. */
function original(line: number, column: number): number {
  return line <= 1 ? Math.max(1, column - ROOT.length) : column;
}

class Reader {
  readonly #source: string;
  readonly #masked: Masked;
  readonly #lineStarts: readonly number[];

  constructor(source: string, masked: Masked) {
    this.#source = source;
    this.#masked = masked;
    this.#lineStarts = [0, ...[...source.matchAll(/\n/g)].map(({ index }) => index + 1)];
  }

  children(parent: Element): readonly PolicyElement[] {
    return Array.from(parent.childNodes)
      .filter(isElement)
      .map((element) => this.#element(element));
  }

  #element(element: Element): PolicyElement {
    const name = element.nodeName;
    const line = element.lineNumber ?? 1;
    const column = original(line, element.columnNumber ?? 1);
    const start = (this.#lineStarts[line - 1] ?? 0) + column - 1;
    const texts = Array.from(element.childNodes).filter((node) => node.nodeType === 3 || node.nodeType === 4);
    return {
      name,
      place: { line, column, element: name },
      attributes: this.#attributes(element, start),
      children: this.children(element),
      text: this.#masked.unmask(texts.map((node) => node.nodeValue ?? '').join('')).trim(),
    };
  }

  #attributes(element: Element, start: number): ReadonlyMap<string, AttributeValue> {
    const attributes = new Map<string, AttributeValue>();
    const pattern = /\s+([^\s=/>]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/y;
    pattern.lastIndex = start + 1 + element.nodeName.length;
    for (let match = pattern.exec(this.#masked.xml); match !== null; match = pattern.exec(this.#masked.xml)) {
      const [, name = '', double, single] = match;
      const raw = double ?? single ?? '';
      const at = pattern.lastIndex - 1 - raw.length;
      const attribute = element.getAttributeNode(name);
      if (attribute !== null) attributes.set(name, this.#value(attribute, raw, at, element.nodeName));
    }
    return attributes;
  }

  #value(attribute: Attr, raw: string, at: number, element: string): AttributeValue {
    // With entities in it, only the start of the value has a place: what is decoded is shorter.
    const exact = !raw.includes('&');
    return {
      text: exact ? this.#source.slice(at, at + raw.length) : this.#masked.unmask(attribute.value),
      placeAt: (index) => placeAt(this.#source, exact ? at + index : at, element),
    };
  }
}

function isElement(node: Node): node is Element {
  return node.nodeType === 1;
}
