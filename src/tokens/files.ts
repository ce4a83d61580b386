import { type Fields, isFields, textOf } from '../json.ts';

/** What a file counts that is not in the request: a letter of 13 pages had 8,400 tokens in the recordings. */
const UNSEEN_FILE = 10_000;
/** A page of a PDF as an image, as current models see it at high detail: 2,500 patches of 1.2 tokens. */
const PDF_PAGE = 3_000;

/**
 * A bound on the prompt tokens of a `file` or `input_file` part, or of any other part that holds data: a token for each
 * byte, and at least a page if it is a PDF, of which models may see every page as text and as an image.
 */
export function filePartTokens(part: Fields): number {
  const holder = isFields(part['file']) ? part['file'] : part;
  const data = holder['file_data'] ?? holder['data'];
  if (typeof data !== 'string') return (holder['file_id'] ?? holder['file_url']) ? UNSEEN_FILE : 0;
  // Base64 spends four characters on three bytes.
  const bytes = Math.ceil((data.length * 3) / 4);
  return isPdf(data, holder['filename']) ? Math.max(bytes, PDF_PAGE) : bytes;
}

/** By its name, its data URL, or the `%PDF` that it starts with. */
function isPdf(data: string, name: unknown): boolean {
  return /\.pdf$/i.test(textOf(name)) || /^(data:application\/pdf|JVBERi)/i.test(data);
}
