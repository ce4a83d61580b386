export type Bytes = Uint8Array<ArrayBuffer>;

const FIRST_CAPACITY = 1024;
const KEPT_CAPACITY = 64 * 1024;
const NONE: Bytes = new Uint8Array(0);
const encoder = new TextEncoder();

/** The bytes of a chunk; undefined for what is none (a mock's body may carry anything). */
export function bytesOf(chunk: unknown): Bytes | undefined {
  if (chunk instanceof Uint8Array) return chunk as Bytes;
  if (typeof chunk === 'string') return encoder.encode(chunk);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  if (!ArrayBuffer.isView(chunk)) return undefined;
  return new Uint8Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength);
}

/** Bytes copied together as they come. Copies, because handing a chunk on may detach its buffer. */
export class HeldBytes {
  #buffer = NONE;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** All that is held; valid until the next append. */
  get view(): Bytes {
    return this.#buffer.subarray(0, this.#length);
  }

  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#buffer.length, FIRST_CAPACITY));
      larger.set(this.view);
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }

  clear(): void {
    if (this.#buffer.length > KEPT_CAPACITY) this.#buffer = NONE;
    this.#length = 0;
  }
}

export function joined(pieces: readonly Bytes[]): Bytes {
  const all = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** Where the text, of ASCII, stands last in the bytes, or -1. */
export function lastIndexOfText(bytes: Uint8Array, text: string): number {
  const first = text.charCodeAt(0);
  for (let at = bytes.length - text.length; at >= 0; at -= 1) {
    if (bytes[at] === first && isAt(bytes, at, text)) return at;
  }
  return -1;
}

function isAt(bytes: Uint8Array, start: number, text: string): boolean {
  for (let at = 1; at < text.length; at += 1) {
    if (bytes[start + at] !== text.charCodeAt(at)) return false;
  }
  return true;
}
