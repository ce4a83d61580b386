const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const BOM = '\ufeff';
const DATA = 'data';

/**
 * The data of one event: its `data:` lines joined by newlines; undefined when it has none (a comment, a ping). As in
 * the SDK's decoder, a last line needs no line end, and a BOM before any line is dropped. Invalid UTF-8 is replaced.
 */
export function eventData(bytes: Uint8Array): string | undefined {
  // Too short for any: blank lines without end must not take time without end.
  if (bytes.length < DATA.length) return undefined;
  const raw = decoder.decode(bytes);
  const text = raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw;
  let data: string | undefined;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const value = dataOf(text, start, end);
    if (value !== undefined) data = data === undefined ? value : `${data}\n${value}`;
    start = end + 1;
  }
  return data;
}

/** The value of the line between these, if it is a `data` line. */
function dataOf(text: string, lineStart: number, end: number): string | undefined {
  const start = text.startsWith(BOM, lineStart) ? lineStart + 1 : lineStart;
  if (!text.startsWith(DATA, start)) return undefined;
  const colon = start + DATA.length;
  if (colon === end) return '';
  if (text[colon] !== ':') return undefined;
  return text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1, end);
}
