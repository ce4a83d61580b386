import { BlankLines } from './blank-lines.ts';
import { type Bytes, HeldBytes, joined } from './bytes.ts';
import { eventData } from './sse-text.ts';

/** Who is asked about each event. */
export interface EventJudge {
  /** Whether events may be hidden at all. When not, every chunk is passed on untouched, at once. */
  readonly mayHide: boolean;
  /** Whether to hide the event. */
  hides(data: string): boolean;
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
    return this.#hides(bytes) || !this.#judge.mayHide ? undefined : bytes;
  }

  /** The open event ends with these bytes. */
  #close(chunk: Bytes, start: number, end: number, shown: Shown): void {
    const split = this.#held.length > 0;
    if (split) this.#held.append(chunk.subarray(start, end));
    this.#hidden = !this.#passing && this.#hides(split ? this.#held.view : chunk.subarray(start, end));
    this.#passing = false;
    if (!this.#hidden && split) this.#showHeld(shown);
    if (!this.#hidden && !split) shown.add(start, end);
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
  #showHeld(shown: Shown): void {
    if (this.#judge.mayHide && this.#held.length > 0) shown.lead = this.#held.view.slice();
  }

  #hides(bytes: Bytes): boolean {
    if (bytes.length > MAX_EVENT_BYTES) {
      this.#judge.oversized();
      return false;
    }
    const data = eventData(bytes);
    if (data === undefined) return false;
    if (!data.startsWith('[DONE]')) return this.#judge.hides(data);
    this.#done = true;
    this.#judge.done();
    return false;
  }
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
