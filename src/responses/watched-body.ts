type Controller = ReadableByteStreamController | ReadableStreamDefaultController<unknown>;

/** Sees a body go by. Must not throw. */
export interface Watcher {
  /** What the app gets for this chunk of the body; undefined when nothing yet. */
  chunk(chunk: unknown): unknown;
  /** The body has ended: what the app still gets, if anything. */
  end(): unknown;
  failed(error: unknown): void;
  cancelled(): void;
}

/**
 * A stream in place of a response's body. It takes the native body's reader at its first pull, so a stream that is
 * only touched neither locks nor reads, and it reads a chunk only when the app waits for one.
 */
export class WatchedBody {
  readonly stream: ReadableStream<unknown>;
  readonly #native: () => ReadableStream<unknown>;
  readonly #watcher: Watcher;
  #controller: Controller | undefined;
  #reader: ReadableStreamDefaultReader<unknown> | undefined;
  /** Closed, errored or cancelled: the controller takes nothing more. */
  #over = false;

  constructor(native: () => ReadableStream<unknown>, watcher: Watcher) {
    this.#native = native;
    this.#watcher = watcher;
    const source = {
      start: (controller: Controller) => {
        this.#controller = controller;
      },
      pull: (controller: Controller) => this.#pull(controller),
      cancel: (reason: unknown) => this.#cancel(reason),
    };
    // A byte stream detaches the buffers of its chunks; the chunks of any other stream are not ours to detach.
    this.stream = isByteStream(native())
      ? new ReadableStream({ type: 'bytes', ...source })
      : new ReadableStream<unknown>(source, { highWaterMark: 0 });
  }

  /** Whether the app has read or cancelled any of this body, or holds a reader of it. */
  get taken(): boolean {
    return this.#reader !== undefined || this.#over || this.stream.locked;
  }

  /** Calls a native method that refuses a body that is taken, in its own words: that body is locked meanwhile. */
  refusing<T>(method: () => T): T {
    if (this.#reader !== undefined || !this.stream.locked) return method();
    const lock = this.#native().getReader();
    try {
      return method();
    } finally {
      lock.releaseLock();
    }
  }

  /** Ends the stream with an error, before the body's own end. */
  cut(error: Error): void {
    if (this.#over) return;
    const cancelled = this.#claim().cancel(error);
    // It ends as told, whatever the body thinks of that.
    cancelled.catch(() => undefined);
    this.#fail(error);
  }

  #claim(): ReadableStreamDefaultReader<unknown> {
    if (this.#reader === undefined) {
      this.#reader = this.#native().getReader();
      // An abort between two reads is seen at once, not only by the next read, which may never come.
      this.#reader.closed.catch((error) => this.#fail(error));
    }
    return this.#reader;
  }

  async #pull(controller: Controller): Promise<void> {
    try {
      const reader = this.#claim();
      let given = false;
      while (!given && !this.#over) {
        const { done, value } = await reader.read();
        if (!this.#over) given = this.#pass(controller, done, value);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Whether the app's read has been answered. */
  #pass(controller: Controller, done: boolean, value: unknown): boolean {
    const chunk = done ? this.#watcher.end() : this.#watcher.chunk(value);
    if (chunk !== undefined) controller.enqueue(chunk as ArrayBufferView<ArrayBuffer>);
    if (done) this.#close(controller);
    return done || chunk !== undefined;
  }

  #close(controller: Controller): void {
    this.#over = true;
    controller.close();
    // A waiting BYOB read hears of the end by this alone.
    if ('byobRequest' in controller) controller.byobRequest?.respond(0);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#watcher.failed(error);
    this.#controller?.error(error);
  }

  #cancel(reason: unknown): Promise<void> {
    this.#over = true;
    this.#watcher.cancelled();
    return this.#reader === undefined ? this.#native().cancel(reason) : this.#reader.cancel(reason);
  }
}

/** Whether it is a stream of the web's kind: a mock's body may be a string, or a stream of Node. */
export function isReadableStream(body: unknown): body is ReadableStream<unknown> {
  return typeof body === 'object' && body !== null && 'getReader' in body && 'cancel' in body;
}

function isByteStream(stream: ReadableStream<unknown>): boolean {
  try {
    stream.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}
