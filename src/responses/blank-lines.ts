const LF = 0x0a;
const CR = 0x0d;

/** Finds the blank lines that end SSE events, over any cut of the stream into chunks. Lines end by LF, CR or CRLF. */
export class BlankLines {
  /** The line being read has no bytes yet, so a line end now makes it a blank one. */
  #blank = true;
  /** The last byte was a CR: an LF next belongs to it. */
  #cr = false;
  /** That CR ended an event, at the end of a chunk. */
  #split = false;

  /** The index after the next blank line from `from` on, -1 when the chunk holds no more of them. */
  next(chunk: Uint8Array, from: number): number {
    let blank = this.#blank;
    let cr = this.#cr;
    let found = false;
    let at = from;
    for (; at < chunk.length && !found; at += 1) {
      const byte = chunk[at];
      if (byte !== LF && byte !== CR) {
        blank = false;
        cr = false;
      } else if (byte === LF && cr) {
        cr = false;
      } else {
        found = blank;
        blank = true;
        cr = byte === CR;
      }
    }
    this.#blank = blank;
    this.#cr = cr;
    if (found && cr) at += this.#lineFeed(chunk, at);
    return found ? at : -1;
  }

  /** The length (0 or 1) of what the chunk begins with of the event that ended the chunk before: an LF after its CR. */
  rest(chunk: Uint8Array): number {
    return this.#split && chunk.length > 0 ? this.#lineFeed(chunk, 0) : 0;
  }

  #lineFeed(chunk: Uint8Array, at: number): number {
    this.#split = at === chunk.length;
    if (chunk[at] !== LF) return 0;
    this.#cr = false;
    return 1;
  }
}
