import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** Longer parts of keys are hashed, so that a key of several parts fits into every store's index. */
const LONGEST = 100;

/**
 * A text as a part of a key that every store takes as it is: printable ASCII without spaces, colons, braces or `#`,
 * at most 100 characters. Different texts stay different: what is not safe is percent-encoded, what is too long (or no
 * well-formed Unicode) is replaced by `#` and its SHA-256.
 */
export function safeKey(text: string): string {
  if (text.length <= LONGEST && text.isWellFormed()) {
    const encoded = encodeURIComponent(text);
    if (encoded.length <= LONGEST) return encoded;
  }
  if (hashed?.text !== text) hashed = { text, key: `#${bytesToHex(sha256(utf16(text)))}` };
  return hashed.key;
}

/** The last that was hashed: each limit of a call asks for the same, and a megabyte takes some 25 ms. */
let hashed: { readonly text: string; readonly key: string } | undefined;

/** UTF-8 would make all lone surrogates the same. */
function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[2 * i] = unit >> 8;
    bytes[2 * i + 1] = unit & 0xff;
  }
  return bytes;
}
