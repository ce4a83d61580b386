import { guarded } from '../guarded.ts';
import { type BodySink, BodyText, blobText, decoded } from './body-text.ts';
import { inherited, overridable, overrideGetter, overrideMethods } from './instance.ts';
import { Outcome } from './outcome.ts';
import { isReadableStream, WatchedBody } from './watched-body.ts';

export type { BodySink } from './body-text.ts';

const METHODS = ['text', 'json', 'arrayBuffer', 'bytes', 'blob', 'clone'] as const;
const OVERRIDDEN = [...METHODS, 'body'];
type Method = (typeof METHODS)[number];

/** A response's own ways to its body, before they are overridden; a mock may lack some. */
interface Natives {
  readonly methods: { readonly [M in Method]?: Response[M] };
  readonly body: (response: Response) => unknown;
  /** `json()` is not of the platform: what it gives may be no parse of the text. */
  readonly ownJson: boolean;
}

/**
 * Watches the app read this response; reads nothing by itself. The sink is called before the app's own read resolves.
 * A read that bypasses the overrides (`formData()`, or `Response.prototype.text.call(response)`) goes unseen.
 *
 * @returns false when the object cannot be tapped (a frozen mock): nothing will be called.
 */
export function tapBody(response: Response, sink: BodySink): boolean {
  return tapBranch(response, sink, undefined);
}

function tapBranch(response: Response, sink: BodySink, outcome: Outcome | undefined): boolean {
  if (Object.getOwnPropertyNames(response).length > 0 || !Object.isExtensible(response)) {
    if (!overridable(response, OVERRIDDEN)) return false;
    overrideOwn(response, new BodyTap(response, ownNatives(response), sink, outcome));
    return true;
  }
  // One hidden property and a shared prototype: seven overrides on each response cost several times as much.
  const { natives, tapped } = tappedPrototype(Object.getPrototypeOf(response));
  Object.defineProperty(response, TAP, { value: new BodyTap(response, natives, sink, outcome) });
  Object.setPrototypeOf(response, tapped);
  return true;
}

const TAP = Symbol('tap');
const prototypes = new WeakMap<object, { readonly natives: Natives; readonly tapped: object }>();

/** A prototype that stands before a response's own and leads each read to the response's tap. */
function tappedPrototype(prototype: object) {
  const known = prototypes.get(prototype);
  if (known !== undefined) return known;
  const methods: Natives['methods'] = Object.fromEntries(
    METHODS.map((name) => [name, Reflect.get(prototype, name)] as const).filter(([, method]) => method),
  );
  const natives = { methods, body: (r: Response) => Reflect.get(prototype, 'body', r), ownJson: false };
  const tapped = Object.create(prototype);
  const tapOf = (response: Response) => Reflect.get(response, TAP) as BodyTap;
  overrideMethods(
    tapped,
    Object.fromEntries(
      (Object.keys(methods) as Method[]).map((name) => [
        name,
        {
          [name](this: Response) {
            return tapOf(this)[name]();
          },
        }[name],
      ]),
    ),
  );
  overrideGetter(tapped, 'body', function (this: Response) {
    return tapOf(this).body();
  });
  const made = { natives, tapped };
  prototypes.set(prototype, made);
  return made;
}

/** A mock brings methods of its own, which hide those of any prototype. */
function overrideOwn(response: Response, tap: BodyTap): void {
  overrideMethods(
    response,
    Object.fromEntries(METHODS.map((name) => [name, response[name] && (() => tap[name]())])),
  );
  if ('body' in response) overrideGetter(response, 'body', () => tap.body());
}

function ownNatives(response: Response): Natives {
  const { text, json, arrayBuffer, bytes, blob, clone } = response;
  const ownJson = !text || Object.hasOwn(response, 'json');
  return {
    methods: { text, json, arrayBuffer, bytes, blob, clone },
    body: inherited(response, 'body'),
    ownJson,
  };
}

const OVER: BodySink = {
  complete: () => undefined,
  oversized: () => undefined,
  failed: () => undefined,
  cancelled: () => undefined,
};

class BodyTap {
  readonly #response: Response;
  readonly #natives: Natives;
  #sink: BodySink;
  #outcome: Outcome | undefined;
  #reports: BodyText | undefined;
  #watched: WatchedBody | undefined;
  /** A method such as `text()` has taken the body. */
  #taken = false;

  constructor(response: Response, natives: Natives, sink: BodySink, outcome: Outcome | undefined) {
    this.#response = response;
    this.#natives = natives;
    this.#sink = sink;
    this.#outcome = outcome;
    if (outcome !== undefined) this.#text();
  }

  text(): Promise<string> {
    return this.#read(this.#natives.methods.text, String);
  }

  /** `json()` is `text()` and a parse, except on a mock that brings its own. */
  async json(): Promise<unknown> {
    const { methods, ownJson } = this.#natives;
    if (ownJson) return this.#read(methods.json, (value) => JSON.stringify(value) ?? '');
    return JSON.parse(await this.text());
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#read(this.#natives.methods.arrayBuffer, (value) => decoded(new Uint8Array(value)));
  }

  bytes(): Promise<Uint8Array> {
    return this.#read(this.#natives.methods.bytes, decoded);
  }

  blob(): Promise<Blob> {
    return this.#read(this.#natives.methods.blob, blobText);
  }

  /** The watched stream is made when the app first touches `body`, and is the same from then on. */
  body(): unknown {
    if (this.#watched !== undefined) return this.#watched.stream;
    const native = this.#natives.body(this.#response);
    if (this.#taken || !isReadableStream(native)) return native;
    const current = () => this.#natives.body(this.#response) as ReadableStream;
    this.#watched = new WatchedBody(current, this.#text());
    return this.#watched.stream;
  }

  clone(): Response {
    const copy = this.#native(this.#natives.methods.clone);
    this.#text();
    if (copy !== this.#response) tapBranch(copy, this.#sink, this.#outcome);
    return copy;
  }

  /** Made late: most responses are read once, by one method, and never cloned. */
  #text(): BodyText {
    this.#outcome ??= new Outcome();
    this.#reports ??= new BodyText(this.#sink, this.#outcome.branch());
    return this.#reports;
  }

  async #read<T>(
    native: (() => Promise<T>) | undefined,
    textOf: (value: T) => string | undefined | Promise<string | undefined>,
  ): Promise<T> {
    if (!this.#take()) return this.#native(native);
    let value: T;
    try {
      value = await call(native, this.#response);
    } catch (error) {
      this.#text().failed(error);
      throw error;
    }
    if (typeof value === 'string' && this.#outcome === undefined) {
      // The one way that nearly all responses are read, and no clone to agree with.
      guarded(() => this.#sink.complete(value));
      // The app may keep the response for long; it need not keep what the sink holds.
      this.#sink = OVER;
    } else {
      const told = this.#text().read(() => textOf(value));
      if (told !== undefined) await told;
    }
    return value;
  }

  /** Whether the body was free. Our stream is locked from now on, as the native one is. */
  #take(): boolean {
    if (this.#taken || this.#watched?.taken) return false;
    this.#taken = true;
    this.#watched?.stream.getReader();
    return true;
  }

  /** The response's own method, which refuses where the app holds the body. */
  #native<T>(method: (() => T) | undefined): T {
    const native = () => call(method, this.#response);
    return this.#taken || this.#watched === undefined ? native() : this.#watched.refusing(native);
  }
}

function call<T>(method: (() => T) | undefined, response: Response): T {
  if (method === undefined) throw new TypeError('the response has no such method');
  return method.call(response);
}
