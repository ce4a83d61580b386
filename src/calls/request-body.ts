import { BudgetError } from '../errors.ts';
import { type Fields, parseFields } from '../json.ts';
import type { Endpoint } from './endpoint.ts';

/**
 * The fields of a request's body, whatever its form: an object yet to be encoded, JSON text or bytes, or a form. Reads
 * only what can be read without consuming it. A JSON body that is broken has no fields: the API will refuse it.
 *
 * @throws what encoding throws, for an object that is no plain one and cannot be encoded: it cannot be sent either
 * @throws BudgetError for a stream where JSON belongs: what it holds cannot be known before it is sent.
 */
export function readRequestBody(body: unknown, endpoint: Endpoint): Fields | Promise<Fields> {
  if (typeof body === 'string') return parse(body);
  if (typeof body !== 'object' || body === null) return {};
  const prototype: unknown = Object.getPrototypeOf(body);
  if ((prototype === Object.prototype || prototype === null) && !('toJSON' in body)) return body as Fields;
  if (body instanceof FormData || body instanceof URLSearchParams) return fieldsOfForm(body);
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return parse(new TextDecoder().decode(body));
  if (body instanceof Blob) return body.text().then(parse);
  if (!isStream(body)) return parse(JSON.stringify(body));
  if (endpoint.upload === true) return {};
  throw new BudgetError(
    `${endpoint.path}: the body is a stream; a governed call needs one that can be estimated before it is sent`,
  );
}

/** Of what is no JSON there is nothing to estimate: the API answers with its own error. */
function parse(text: string): Fields {
  return parseFields(text) ?? {};
}

function isStream(body: object): boolean {
  if (body instanceof ReadableStream) return true;
  return Symbol.asyncIterator in body || (Symbol.iterator in body && 'next' in body);
}

/** The entries of a form by name; a name that comes several times holds a list. Numbers stay the text they are. */
function fieldsOfForm(form: FormData | URLSearchParams): Fields {
  const fields = new Map<string, unknown[]>();
  for (const [name, value] of form) {
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  }
  return Object.fromEntries(
    [...fields].map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  );
}
