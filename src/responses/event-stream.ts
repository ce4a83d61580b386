import { guarded } from '../guarded.ts';
import { bytesOf } from './bytes.ts';
import { EventFilter, type EventJudge } from './event-filter.ts';
import { inherited, overridable, overrideGetter, overrideMethods } from './instance.ts';
import { type Branch, Outcome } from './outcome.ts';
import { isReadableStream, WatchedBody, type Watcher } from './watched-body.ts';

export interface EventStreamSink {
  /**
   * Whether anything may be hidden or left out; read once. When false, each network chunk is passed on untouched, at once.
   * When true, the app gets whole events only.
   */
  readonly mayHide: boolean;
  /**
   * One complete event's data: its `data:` lines joined by newlines. `'hide'` withholds the event's bytes from the
   * app. Not called for `[DONE]`, for an event without data (a comment), nor for one above 32 MB.
   *
   * @param cut ends the stream with an error, now or later
   */
  event(data: string, cut: (error: Error) => void): 'hide' | undefined;
  /** Text to leave out of an event that is shown, see `EventJudge`; always the same for the same event. */
  omits?(data: string): string | undefined;
  /** An event above 32 MB has come, and is passed on. */
  oversized?(): void;
  /**
   * Called once. `'complete'`: all events were delivered (the body's end, or `[DONE]`). `'cut'`: they were not; the
   * app cancelled, or a read failed with `error` (an abort, a lost connection).
   */
  end(outcome: 'complete' | 'cut', error?: unknown): void;
}

const READS = ['text', 'json', 'arrayBuffer', 'bytes', 'blob'] as const;
const OVERRIDDEN = [...READS, 'clone', 'body'];

/**
 * Watches the app read this event stream, by overrides on the instance; reads nothing by itself, and no further
 * than the app does. The sink hears of a chunk before the app gets it. Clones are filtered alike, and the sink is
 * told each event once, by the branch that is ahead. A stream nobody reads goes unseen, and so does a read that
 * bypasses the overrides (`formData()`, `Response.prototype.text.call(response)`).
 *
 * @returns false when the response cannot be tapped (frozen, or its body is no web stream): nothing will be called.
 */
export function tapEventStream(response: Response, sink: EventStreamSink): boolean {
  return tapBranch(response, {
    sink,
    mayHide: sink.mayHide,
    outcome: new Outcome(),
    branches: 0,
    seen: 0,
    hidden: new Set(),
  });
}

/** What the branches of one stream share. */
interface Shared {
  readonly sink: EventStreamSink;
  readonly mayHide: boolean;
  readonly outcome: Outcome;
  /** Readers of the stream: the response and its clones. */
  branches: number;
  /** How many events the sink was told. A branch that comes later to one of them asks no second time. */
  seen: number;
  /** The numbers of those it hid, where another branch may ask for them. */
  readonly hidden: Set<number>;
}

function tapBranch(response: Response, shared: Shared): boolean {
  const native = inherited(response, 'body');
  if (!overridable(response, OVERRIDDEN) || !isReadableStream(native())) return false;
  const tap = new StreamTap(shared, (error) => body.cut(error));
  const body = new WatchedBody(() => native() as ReadableStream, tap);
  const { clone } = response;
  overrideMethods(response, {
    ...reads(response, body),
    clone: clone && (() => cloned(response, body, clone, shared)),
  });
  overrideGetter(response, 'body', () => body.stream);
  return true;
}

/** `text()` and the like, on the watched stream. */
function reads(response: Response, body: WatchedBody): Record<string, unknown> {
  const read = (name: (typeof READS)[number], native: () => Promise<unknown>) => async () => {
    // What is locked or read already, the native method refuses in its own words.
    if (body.taken || response.bodyUsed) return body.refusing(() => native.call(response));
    const type = response.headers?.get('content-type');
    const headers: HeadersInit = type ? { 'content-type': type } : {};
    return new Response(body.stream as ReadableStream<Uint8Array<ArrayBuffer>>, { headers })[name]();
  };
  return Object.fromEntries(
    READS.filter((name) => response[name]).map((name) => [name, read(name, response[name])]),
  );
}

function cloned(response: Response, body: WatchedBody, native: () => Response, shared: Shared): Response {
  const copy = body.refusing(() => native.call(response));
  if (copy !== response) tapBranch(copy, shared);
  return copy;
}

/** One branch of the stream. */
class StreamTap implements Watcher, EventJudge {
  readonly mayHide: boolean;
  readonly #shared: Shared;
  readonly #branch: Branch;
  readonly #filter: EventFilter;
  readonly #cut: (error: Error) => void;
  /** How many events this branch has passed. */
  #passed = 0;

  constructor(shared: Shared, cut: (error: Error) => void) {
    this.#cut = cut;
    this.mayHide = shared.mayHide;
    this.#shared = shared;
    shared.branches += 1;
    this.#branch = shared.outcome.branch();
    this.#filter = new EventFilter(this);
  }

  chunk(chunk: unknown): unknown {
    const bytes = bytesOf(chunk);
    if (bytes === undefined) return chunk;
    const shown = this.#filter.push(bytes);
    return shown === bytes ? chunk : shown;
  }

  end(): unknown {
    const last = this.#filter.end();
    this.done();
    return last;
  }

  hides(data: string): boolean {
    const shared = this.#shared;
    const index = this.#passed;
    this.#passed += 1;
    if (index < shared.seen) return shared.hidden.has(index);
    shared.seen += 1;
    const hidden = guarded(() => shared.sink.event(data, this.#cut)) === 'hide';
    // A stream that is being read cannot be cloned any more: a branch alone stays alone.
    if (hidden && shared.branches > 1) shared.hidden.add(index);
    return hidden;
  }

  oversized(): void {
    guarded(() => this.#shared.sink.oversized?.());
  }

  omits(data: string): string | undefined {
    return guarded(() => this.#shared.sink.omits?.(data));
  }

  done(): void {
    this.#branch.whole(() => this.#shared.sink.end('complete'));
  }

  failed(error: unknown): void {
    this.#branch.lost(() => this.#shared.sink.end('cut', error));
  }

  cancelled(): void {
    this.#branch.lost(() => this.#shared.sink.end('cut'));
  }
}
