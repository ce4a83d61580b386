export type Bytes = Uint8Array<ArrayBuffer>;
export type StreamType = 'bytes' | 'default';

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text);
export const text = (bytes: Uint8Array): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Pieces of these sizes, over and over. */
export function pieces(bytes: Bytes, sizes: readonly number[]): Bytes[] {
  const cut: Bytes[] = [];
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    cut.push(bytes.slice(at, at + size));
    at += size;
  }
  return cut;
}

export interface Source extends ReadableStream<Bytes> {
  /** How many chunks were taken from the source. */
  pulls: number;
  cancelled: unknown[];
}

/** A body that gives one chunk a pull, then ends, or fails. */
export function source(chunks: readonly Bytes[], type: StreamType = 'bytes', failure?: unknown): Source {
  const seen = { pulls: 0, cancelled: [] as unknown[] };
  const body = {
    pull(controller: { enqueue(chunk: Bytes): void; close(): void; error(error: unknown): void }) {
      const chunk = chunks[stream.pulls];
      stream.pulls += 1;
      if (chunk !== undefined) controller.enqueue(type === 'bytes' ? chunk.slice() : chunk);
      else if (failure !== undefined) controller.error(failure);
      else controller.close();
    },
    cancel(reason: unknown) {
      stream.cancelled.push(reason);
    },
  };
  const bare =
    type === 'bytes'
      ? new ReadableStream({ type: 'bytes', ...body })
      : new ReadableStream<Bytes>(body, { highWaterMark: 0 });
  const stream: Source = Object.assign(bare, seen);
  return stream;
}

export async function drained(stream: ReadableStream<Uint8Array> | null): Promise<Bytes[]> {
  const chunks: Bytes[] = [];
  for await (const chunk of stream ?? []) chunks.push(new Uint8Array(chunk));
  return chunks;
}

export function joined(chunks: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** The body read by BYOB reads of this size. */
export async function drainedByob(stream: ReadableStream<Uint8Array>, size: number): Promise<Bytes> {
  const reader = stream.getReader({ mode: 'byob' });
  const chunks: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(size));
    if (value !== undefined) chunks.push(value);
    if (done) return joined(chunks);
  }
}
