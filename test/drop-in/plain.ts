import { inspect } from 'node:util';

/** What cannot differ between two runs but by chance, and so is left out or replaced. */
const CHANCE =
  /^(created|created_at|completed_at|durationMs|expires_at|bytesRead|bytesWritten|localPort|remotePort)$/;

/** A value as plain data: what an app could tell of it. Taken at once, so that later changes do not show. */
export function plain(value: unknown, above: readonly object[] = []): unknown {
  if (typeof value === 'function') return `[function ${value.name}]`;
  if (typeof value === 'symbol' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (above.includes(value)) return '[circular]';
  if (above.length > 24) return '[deep]';
  const inner = (part: unknown) => plain(part, [...above, value]);
  if (Array.isArray(value)) return value.map(inner);
  return special(value, inner) ?? fieldsOf(value, inner);
}

function special(value: object, inner: (part: unknown) => unknown): unknown {
  if (value instanceof Headers) return { $: 'Headers', ...Object.fromEntries(value) };
  if (value instanceof Response) return responseOf(value, inner);
  if (value instanceof ArrayBuffer) return { $: 'ArrayBuffer', hex: Buffer.from(value).toString('hex') };
  if (ArrayBuffer.isView(value)) return viewOf(value);
  if (value instanceof Date || value instanceof URL)
    return { $: value.constructor.name, text: String(value) };
  if (value instanceof ReadableStream) return { $: 'ReadableStream', locked: value.locked };
  if (value instanceof AbortSignal) return { $: 'AbortSignal', aborted: value.aborted };
  if (value instanceof Map) return { $: 'Map', entries: [...value].map(inner) };
  if (value instanceof Error) return errorOf(value, inner);
  return undefined;
}

function viewOf(view: ArrayBufferView): unknown {
  const hex = Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('hex');
  return { $: view.constructor.name, hex };
}

/** Everything of an error but its stack. */
function errorOf(error: Error, inner: (part: unknown) => unknown): unknown {
  const { name, message, cause } = error;
  return {
    $: ancestry(error),
    name,
    message,
    ...(cause === undefined ? {} : { cause: inner(cause) }),
    ...own(error, inner),
  };
}

function responseOf(response: Response, inner: (part: unknown) => unknown): unknown {
  const { status, statusText, ok, redirected, type, url, bodyUsed } = response;
  return {
    $: ancestry(response),
    ...{ status, statusText, ok, redirected, type, url, bodyUsed },
    headers: inner(response.headers),
    tag: String(response),
    keys: Object.keys(response),
  };
}

/** An object's own fields, and the id that the SDK hides in its answers. */
function fieldsOf(value: object, inner: (part: unknown) => unknown): unknown {
  const names = ancestry(value);
  const id = Object.getOwnPropertyDescriptor(value, '_request_id');
  return {
    ...(names === 'Object' ? {} : { $: names }),
    ...own(value, inner),
    ...(id === undefined || id.enumerable ? {} : { '(_request_id)': id.value }),
  };
}

function own(value: object, inner: (part: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(
    Reflect.ownKeys(value)
      .filter((key) => Object.getOwnPropertyDescriptor(value, key)?.enumerable)
      .map((key) => [String(key), CHANCE.test(String(key)) ? '<chance>' : inner(Reflect.get(value, key))]),
  );
}

/** The names of its classes, from its own up; nothing of what all objects have. */
function ancestry(value: object): string {
  const names: string[] = [];
  for (let at = Object.getPrototypeOf(value); at !== null; at = Object.getPrototypeOf(at)) {
    if (at !== Object.prototype && Object.hasOwn(at, 'constructor')) names.push(at.constructor.name);
  }
  return names.join(' < ') || 'Object';
}

/** What an app sees that logs the value. */
export function shown(value: unknown): string {
  return inspect(value, { depth: 10, breakLength: Number.POSITIVE_INFINITY, compact: true });
}

/**
 * The same with whatever is random in its texts numbered by the order that it comes in: two texts that were equal still
 * are.
 */
export function numbered(value: unknown, hosts: Readonly<Record<string, string>>): unknown {
  const names = new Map<string, string>();
  const name = (kind: string) => (found: string) => {
    const known = names.get(found);
    if (known !== undefined) return known;
    const made = `<${kind} ${[...names.values()].filter((other) => other.startsWith(`<${kind} `)).length + 1}>`;
    names.set(found, made);
    return made;
  };
  const text = (given: string): string => {
    let result = given;
    for (const [host, replacement] of Object.entries(hosts)) result = result.replaceAll(host, replacement);
    return result
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, name('uuid'))
      .replace(/\b(?:chatcmpl|resp|msg|cmpl|modr|rs|fc|call)[-_][\w-]{16,}/g, name('id'))
      .replace(/log_[0-9a-f]{6,}/g, name('log'))
      .replace(/-{2,}(?:formdata-\w+|FormBoundary\w+)-?[0-9A-Za-z]+/g, '<boundary>')
      .replace(/\bin \d+ms/g, 'in <chance>')
      .replace(/\b(durationMs|bytesRead|bytesWritten|localPort|remotePort): \d+/g, '$1: <chance>')
      .replace(/boundary=openai-\w+/g, 'boundary=<boundary>');
  };
  const walk = (part: unknown): unknown => {
    if (typeof part === 'string') return text(part);
    if (Array.isArray(part)) return part.map(walk);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, walk(value)]));
  };
  return walk(value);
}
