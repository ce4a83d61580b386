import { type BodySink, BodyText, blobText, decoded } from './body-text.ts';
import { inherited, overridable, overrideGetter, overrideMethods } from './instance.ts';
import { Outcome } from './outcome.ts';
import { isReadableStream, WatchedBody } from './watched-body.ts';

export type { BodySink } from './body-text.ts';

const OVERRIDDEN = ['text', 'json', 'arrayBuffer', 'bytes', 'blob', 'clone', 'body'];

/**
 * Watches the app read this response, by overrides on the instance; reads nothing by itself. The sink is called
 * before the app's own read resolves. A read that bypasses the overrides (`formData()`, or
 * `Response.prototype.text.call(response)`) goes unseen.
 *
 * @returns false when the object cannot be tapped (a frozen mock): nothing will be called.
 */
export function tapBody(response: Response, sink: BodySink): boolean {
  return tapBranch(response, sink, new Outcome());
}

function tapBranch(response: Response, sink: BodySink, outcome: Outcome): boolean {
  if (!overridable(response, OVERRIDDEN)) return false;
  const tap = new BodyTap(response, new BodyText(sink, outcome.branch()));
  const { clone } = response;
  overrideMethods(response, {
    ...tap.reads(),
    clone: clone && (() => tap.clone(clone, (copy) => tapBranch(copy, sink, outcome))),
  });
  if ('body' in response) overrideGetter(response, 'body', () => tap.body());
  return true;
}

class BodyTap {
  readonly #response: Response;
  readonly #text: BodyText;
  readonly #native: () => unknown;
  #watched: WatchedBody | undefined;
  /** A method such as `text()` has taken the body. */
  #taken = false;

  constructor(response: Response, text: BodyText) {
    this.#response = response;
    this.#text = text;
    this.#native = inherited(response, 'body');
  }

  reads(): Record<string, (() => Promise<unknown>) | undefined> {
    const { text, arrayBuffer, bytes, blob } = this.#response;
    return {
      text: text && (() => this.#read(text, String)),
      json: this.#json(),
      arrayBuffer: arrayBuffer && (() => this.#read(arrayBuffer, (value) => decoded(new Uint8Array(value)))),
      bytes: bytes && (() => this.#read(bytes, decoded)),
      blob: blob && (() => this.#read(blob, blobText)),
    };
  }

  /** The watched stream is made when the app first touches `body`, and is the same from then on. */
  body(): unknown {
    if (this.#watched !== undefined) return this.#watched.stream;
    const native = this.#native();
    if (this.#taken || !isReadableStream(native)) return native;
    this.#watched = new WatchedBody(() => this.#native() as ReadableStream, this.#text);
    return this.#watched.stream;
  }

  clone(native: () => Response, tap: (copy: Response) => void): Response {
    if (!this.#taken) this.#watched?.taken();
    const copy = native.call(this.#response);
    if (copy !== this.#response) tap(copy);
    return copy;
  }

  /** `json()` is `text()` and a parse, except on a mock that brings its own. */
  #json(): (() => Promise<unknown>) | undefined {
    const { text, json } = this.#response;
    if (!json) return undefined;
    if (!text || Object.hasOwn(this.#response, 'json')) {
      return () => this.#read(json, (value) => JSON.stringify(value) ?? '');
    }
    return async () => JSON.parse(await this.#read(text, String));
  }

  async #read<T>(
    native: () => Promise<T>,
    textOf: (value: T) => string | undefined | Promise<string | undefined>,
  ): Promise<T> {
    if (!this.#take()) return native.call(this.#response);
    let value: T;
    try {
      value = await native.call(this.#response);
    } catch (error) {
      this.#text.failed(error);
      throw error;
    }
    await this.#text.read(() => textOf(value));
    return value;
  }

  /** Whether the body was free. Our stream is locked from now on, as the native one is. */
  #take(): boolean {
    if (this.#taken || this.#watched?.taken()) return false;
    this.#taken = true;
    this.#watched?.stream.getReader();
    return true;
  }
}
