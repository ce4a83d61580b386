import { type Bytes, bytesOf, HeldBytes } from './bytes.ts';
import type { Branch } from './outcome.ts';
import type { Watcher } from './watched-body.ts';

/** What becomes of a body: exactly one of these is called, at most once. A body nobody reads calls none. */
export interface BodySink {
  /** The app has read the body to its end; this is all of it. */
  complete(text: string): void;
  /** The app has read the body to its end, but as bytes, more than 64 MB of them: no text was made. */
  oversized(): void;
  /** A read failed with this error, which the app got too. */
  failed(error: unknown): void;
  /** The app cancelled the body. */
  cancelled(): void;
}

const MAX_BYTES = 64 * 1024 * 1024;
const decoder = new TextDecoder();

/** The text of a body that is read; undefined above 64 MB. */
export function decoded(bytes: Uint8Array): string | undefined {
  return bytes.length > MAX_BYTES ? undefined : decoder.decode(bytes);
}

export async function blobText(blob: Blob): Promise<string | undefined> {
  return blob.size > MAX_BYTES ? undefined : blob.text();
}

/** Reports one branch of a body to the sink, whichever way the app reads it. */
export class BodyText implements Watcher {
  readonly #sink: BodySink;
  readonly #branch: Branch;
  readonly #held = new HeldBytes();
  #oversized = false;

  constructor(sink: BodySink, branch: Branch) {
    this.#sink = sink;
    this.#branch = branch;
  }

  /** A read by a method has given this. What cannot be made text (a mock may give anything) is a failed read. */
  read(make: () => string | undefined | Promise<string | undefined>): Promise<void> | undefined {
    try {
      const text = make();
      if (text instanceof Promise) return this.#later(text);
      this.#whole(text);
    } catch (error) {
      this.failed(error);
    }
    return undefined;
  }

  async #later(text: Promise<string | undefined>): Promise<void> {
    try {
      this.#whole(await text);
    } catch (error) {
      this.failed(error);
    }
  }

  chunk(chunk: unknown): unknown {
    const bytes = bytesOf(chunk);
    if (bytes !== undefined && !this.#oversized) this.#hold(bytes);
    return chunk;
  }

  end(): undefined {
    this.#whole(this.#oversized ? undefined : decoded(this.#held.view));
    this.#held.clear();
  }

  failed(error: unknown): void {
    this.#branch.lost(() => this.#sink.failed(error));
  }

  cancelled(): void {
    this.#branch.lost(() => this.#sink.cancelled());
  }

  #hold(bytes: Bytes): void {
    this.#oversized = this.#held.length + bytes.length > MAX_BYTES;
    if (this.#oversized) this.#held.clear();
    else this.#held.append(bytes);
  }

  #whole(text: string | undefined): void {
    this.#branch.whole(() => (text === undefined ? this.#sink.oversized() : this.#sink.complete(text)));
  }
}
