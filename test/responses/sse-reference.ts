import { type Bytes, joined, text } from './streams.ts';

export interface ReferenceEvent {
  readonly raw: Bytes;
  /** Undefined for an event without a data line. */
  readonly data: string | undefined;
  /** Whether a blank line ended it. */
  readonly closed: boolean;
}

/** The events of a whole stream, read line by line the plain way. Latin-1, so that an index is a byte. */
export function referenceEvents(stream: Bytes): ReferenceEvent[] {
  const latin1 = Buffer.from(stream).toString('latin1');
  const events: ReferenceEvent[] = [];
  let raw = '';
  let lines: string[] = [];
  const close = (closed: boolean) => {
    const data = lines.map(dataOf).filter((value) => value !== undefined);
    events.push({ raw: bytes(raw), data: data.length > 0 ? data.join('\n') : undefined, closed });
    raw = '';
    lines = [];
  };
  for (const [whole, line, end] of latin1.matchAll(/([^\r\n]*)(\r\n|\r|\n|$)/g)) {
    raw += whole;
    if (line) lines.push(text(bytes(line)));
    else if (end) close(true);
  }
  if (raw) close(false);
  return events;
}

function dataOf(line: string): string | undefined {
  const [, value] = /^\ufeff?data(?:: ?([\s\S]*))?$/.exec(line) ?? [undefined, undefined];
  return value ?? (/^\ufeff?data$/.test(line) ? '' : undefined);
}

function bytes(latin1: string): Bytes {
  return new Uint8Array(Buffer.from(latin1, 'latin1'));
}

/** What the app must get and the sink must see, when these events (numbered among those with data) are hidden. */
export function expected(stream: Bytes, hides: (index: number) => boolean) {
  const seen: string[] = [];
  let done = false;
  const shown = referenceEvents(stream).filter(({ data }) => {
    done ||= data?.startsWith('[DONE]') ?? false;
    if (done || data === undefined) return true;
    seen.push(data);
    return !hides(seen.length - 1);
  });
  return { seen, shown: joined(shown.map(({ raw }) => raw)) };
}
