import { BlankLines } from './blank-lines.ts';
import { type Bytes, HeldBytes, joined, lastIndexOfText } from './bytes.ts';
import { eventData } from './sse-text.ts';

/** Who is asked about each event. */
export interface EventJudge {
  /** Whether events may be hidden at all. When not, every chunk is passed on untouched, at once. */
  readonly mayHide: boolean;
  /** Whether to hide the event. */
  hides(data: string): boolean;
  /** Text to leave out of an event that is not hidden, in printable ASCII; the last that reads so is left out. */
  omits(data: string): string | undefined;
  /** An event is too large to be judged. */
  oversized(): void;
  /** `[DONE]` has come: no more events are judged, and all bytes pass. */
  done(): void;
}

/** An event above this size is passed on without being held or decoded. */
const MAX_EVENT_BYTES = 32 * 1024 * 1024;

/** Takes the bytes of an event stream, has each complete event judged and gives back what the app may see. */
export class EventFilter {
  readonly #judge: EventJudge;
  readonly #lines = new BlankLines();
  /** The open event's bytes from the chunks before this one. */
  readonly #held = new HeldBytes();
  /** The open event is too large: its bytes are not held. */
  #passing = false;
  /** The last event was hidden. */
  #hidden = false;
  #done = false;

  constructor(judge: EventJudge) {
    this.#judge = judge;
  }

  /** Undefined when there is nothing to give yet. */
  push(chunk: Bytes): Bytes | undefined {
    const shown = new Shown(chunk);
    let start = this.#lines.rest(chunk);
    if (!this.#hidden) shown.add(0, start);
    for (let end = 0; end !== -1 && !this.#done; ) {
      end = this.#lines.next(chunk, start);
      if (end === -1) this.#keep(chunk, start, shown);
      else this.#close(chunk, start, end, shown);
      start = end;
    }
    if (this.#done) shown.add(start, chunk.length);
    return this.#judge.mayHide ? shown.bytes() : chunk;
  }

  /** The stream has ended: what it left open is an event too, as it is to the SDK. */
  end(): Bytes | undefined {
    if (this.#held.length === 0) return undefined;
    const bytes = this.#held.view;
    const cut = this.#cutOf(bytes);
    return cut?.whole || !this.#judge.mayHide ? undefined : withoutCut(bytes, cut);
  }

  /** The open event ends with these bytes. */
  #close(chunk: Bytes, start: number, end: number, shown: Shown): void {
    const split = this.#held.length > 0;
    if (split) this.#held.append(chunk.subarray(start, end));
    const cut = this.#passing ? undefined : this.#cutOf(split ? this.#held.view : chunk.subarray(start, end));
    this.#passing = false;
    this.#hidden = cut?.whole === true;
    if (!this.#hidden && split) this.#showHeld(shown, cut);
    if (!this.#hidden && !split) {
      shown.add(start, start + (cut?.from ?? 0));
      shown.add(start + (cut?.to ?? 0), end);
    }
    this.#held.clear();
  }

  /** The open event goes on in the next chunk. */
  #keep(chunk: Bytes, start: number, shown: Shown): void {
    if (!this.#passing && this.#held.length + chunk.length - start > MAX_EVENT_BYTES) {
      this.#passing = true;
      this.#judge.oversized();
      this.#showHeld(shown);
      this.#held.clear();
    }
    if (this.#passing) shown.add(start, chunk.length);
    else this.#held.append(chunk.subarray(start));
  }

  /** What is held always precedes what is shown of the chunk itself. A copy: the buffer is used again. */
  #showHeld(shown: Shown, cut?: Cut): void {
    if (this.#judge.mayHide && this.#held.length > 0) shown.lead = withoutCut(this.#held.view, cut);
  }

  #cutOf(bytes: Bytes): Cut | undefined {
    if (bytes.length > MAX_EVENT_BYTES) {
      this.#judge.oversized();
      return undefined;
    }
    const data = eventData(bytes);
    if (data === undefined) return undefined;
    if (data.startsWith('[DONE]')) {
      this.#done = true;
      this.#judge.done();
      return undefined;
    }
    if (this.#judge.hides(data)) return { from: 0, to: bytes.length, whole: true };
    const text = this.#judge.mayHide ? this.#judge.omits(data) : undefined;
    const from = text === undefined ? -1 : lastIndexOfText(bytes, text);
    return text === undefined || from === -1 ? undefined : { from, to: from + text.length, whole: false };
  }
}

/** The bytes of an event that are not shown. */
interface Cut {
  readonly from: number;
  readonly to: number;
  /** They are all of it. */
  readonly whole: boolean;
}

/** A copy of the bytes but for those cut. */
function withoutCut(bytes: Bytes, cut: Cut | undefined): Bytes {
  return cut === undefined ? bytes.slice() : joined([bytes.subarray(0, cut.from), bytes.subarray(cut.to)]);
}

/** What is shown of a chunk: first what was held from chunks before it, then runs of its own bytes. */
class Shown {
  readonly #chunk: Bytes;
  readonly #runs: Bytes[] = [];
  #from = 0;
  #to = 0;
  lead: Bytes | undefined;

  constructor(chunk: Bytes) {
    this.#chunk = chunk;
  }

  /** Runs come in order; one that continues the last becomes one with it. */
  add(from: number, to: number): void {
    if (from !== this.#to) {
      this.#cut();
      this.#from = from;
    }
    this.#to = to;
  }

  bytes(): Bytes | undefined {
    this.#cut();
    const pieces = this.lead === undefined ? this.#runs : [this.lead, ...this.#runs];
    return pieces.length > 1 ? joined(pieces) : pieces[0];
  }

  #cut(): void {
    const all = this.#to - this.#from === this.#chunk.length;
    if (this.#to > this.#from)
      this.#runs.push(all ? this.#chunk : this.#chunk.subarray(this.#from, this.#to));
  }
}
