import type { Fields } from '../../src/json.ts';
import type { Note, Transcript } from './run.ts';
import type { Seen } from './server.ts';

/** A difference that there may be between the two clients, and how it is taken back before they are compared. */
export interface Difference {
  readonly what: string;
  readonly reason: string;
  undo(governed: Transcript, plain: Transcript): Transcript;
}

/**
 * All there are between the two at work; what differs and is not in this list fails its scenario. Beside them, a client
 * with an X.509 workload identity cannot be made: with it the SDK allows no fetch but its own.
 */
export const DIFFERENCES: readonly Difference[] = [
  {
    what: 'User-Agent names the class: GovernedOpenAI/JS 7.0.0',
    reason: 'the SDK sends the name of the class that it is; that of any subclass is its own',
    undo: (governed) => textsOf(governed, (text) => text.replace(/Governed((?:Azure)?OpenAI\/JS)/g, '$1')),
  },
  {
    what:
      'a streamed chat or completion asks for its usage: stream_options.include_usage is in the body that is sent, and ' +
      'in the options that hooks of a subclass and the debug log are given',
    reason: 'without it such a stream tells nobody what it used',
    undo: withoutAsking,
  },
  {
    what: 'the raw body of such a stream comes in whole events, not in the chunks of the network',
    reason: 'the event that tells the usage is taken out, wherever the network cuts it',
    undo: (governed, plain) => {
      const same = networkText(governed) === networkText(plain);
      return same ? { ...governed, notes: plain.notes } : governed;
    },
  },
  {
    what: 'the options that hooks of a subclass are given carry a symbol of ours',
    reason: 'so the attempt finds its way from prepareOptions to fetch, whatever a subclass makes of them',
    undo: (governed) => ({ ...governed, notes: governed.notes.map((note) => withoutSymbol(note)) }),
  },
  {
    what: 'a client has the field `budget`, and a response a prototype before Response.prototype',
    reason:
      'the one is ours; by the other we see the app read its response, at no cost for those it does not read',
    undo: (governed) => ({ ...governed, notes: governed.notes.map(withoutOurs) }),
  },
];

/** Notes of what the SDK gives to the hooks of a subclass, or logs. */
const HOOKS: ReadonlySet<unknown> = new Set(['prepareOptions', 'prepareRequest', 'debug']);
/** Notes of what the network brought, chunk by chunk. */
const NETWORK = 'network chunk';
const ASKING = { include_usage: true };

/** The same transcript with every text in it changed. */
function textsOf(transcript: Transcript, change: (text: string) => string): Transcript {
  const walk = (part: unknown): unknown => {
    if (typeof part === 'string') return change(part);
    if (Array.isArray(part)) return part.map(walk);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, walk(value)]));
  };
  return walk(transcript) as Transcript;
}

/** Takes back the one member that we add, where the plain request has none. */
function withoutAsking(governed: Transcript, plain: Transcript): Transcript {
  const requests = governed.requests.map((request, at) => requestWithoutAsking(request, plain.requests[at]));
  const lengths = requests.map(
    ({ body }, at) => [lengthOf(governed.requests[at]?.body), lengthOf(body)] as const,
  );
  const notes = governed.notes.map((note, at) => {
    const [what] = note;
    return HOOKS.has(what) ? (noteWithoutAsking(note, plain.notes[at], lengths) as Note) : note;
  });
  return { ...governed, requests, notes };
}

function requestWithoutAsking(request: Seen, other: Seen | undefined): Seen {
  const [body, plain] = [fieldsOf(request.body), fieldsOf(other?.body)];
  if (body === undefined || plain === undefined || !/\/completions(\?|$)/.test(request.url)) return request;
  const undone = bodyWithoutAsking(body, plain);
  if (undone === body) return request;
  const text = JSON.stringify(undone);
  const grown = lengthOf(request.body) - lengthOf(text);
  const headers = request.headers.map((header) =>
    header.replace(/^content-length: (\d+)$/, (_, length) => `content-length: ${Number(length) - grown}`),
  );
  return { ...request, headers, body: text };
}

function bodyWithoutAsking(body: Fields, plain: Fields): Fields {
  const [options, had] = [
    Object(body['stream_options']) as Fields,
    plain['stream_options'] as Fields | undefined,
  ];
  const asks = body['stream'] === true && options['include_usage'] === true;
  if (!asks || had?.['include_usage'] === true) return body;
  const { include_usage, ...rest } = options;
  if (had !== undefined)
    return { ...body, stream_options: 'include_usage' in had ? { ...options, ...had } : rest };
  const { stream_options, ...others } = body;
  return others;
}

/** The same in what a hook or a log was given: bodies, what they look like, and how long they are. */
function noteWithoutAsking(
  part: unknown,
  plain: unknown,
  lengths: readonly (readonly [number, number])[],
): unknown {
  if (typeof part === 'string') {
    const shown = part.replace(/,\s*stream_options: \{ include_usage: true \}/g, '');
    return lengths.reduce(
      (text, [grown, length]) => text.replaceAll(`length: ${grown}`, `length: ${length}`),
      shown,
    );
  }
  if (typeof part === 'number') return lengths.find(([grown]) => grown === part)?.[1] ?? part;
  if (typeof part !== 'object' || part === null) return part;
  if (Array.isArray(part)) return part.map((each, at) => noteWithoutAsking(each, Object(plain)[at], lengths));
  const entries = Object.entries(part).filter(([key, value]) => {
    const added = key === 'stream_options' && JSON.stringify(value) === JSON.stringify(ASKING);
    return !added || key in Object(plain);
  });
  return Object.fromEntries(
    entries.map(([key, value]) => [key, noteWithoutAsking(value, Object(plain)[key], lengths)]),
  );
}

function networkText({ notes }: Transcript): string {
  return JSON.stringify([
    notes.filter(([what]) => what !== NETWORK),
    notes.map(([what, text]) => (what === NETWORK ? text : '')).join(''),
  ]);
}

function withoutOurs([what, value]: Note): Note {
  if (what === 'keys of the client') return [what, (value as string[]).filter((key) => key !== 'budget')];
  return [what, what === 'prototype' ? true : value];
}

function withoutSymbol(note: Note): Note {
  if (!HOOKS.has(note[0])) return note;
  const walk = (part: unknown): unknown => {
    if (typeof part === 'string')
      return part.replace(
        /,\s*\[?Symbol\(governed-openai attempt\)\]?: (?:<ref \*\d+> )?Parcel \{[^{}]*\}/g,
        '',
      );
    if (Array.isArray(part)) return part.map(walk);
    if (typeof part !== 'object' || part === null) return part;
    const entries = Object.entries(part).filter(([key]) => key !== 'Symbol(governed-openai attempt)');
    return Object.fromEntries(entries.map(([key, value]) => [key, walk(value)]));
  };
  return [note[0], walk(note[1])];
}

function fieldsOf(body: unknown): Fields | undefined {
  return typeof body === 'string' && body.startsWith('{') ? JSON.parse(body) : undefined;
}

function lengthOf(body: unknown): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : 0;
}
