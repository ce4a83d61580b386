/**
 * The member that says null, and after it only plain members, to the end of the event's object: so it is a member of the
 * event itself, and of nothing within it.
 */
const NULL_USAGE =
  /"usage"\s*:\s*null(?=(?:\s*,\s*"\w+"\s*:\s*(?:"[^"\\]*"|null|true|false|-?[\d.]+))*\s*\}\s*$)/y;

/**
 * The text `,"usage":null` of an event of a stream. Every chunk has it where the usage of the stream is asked for; an app
 * that did not ask must not see it.
 */
export function nullUsageOf(data: string): string | undefined {
  const start = data.lastIndexOf('"usage"');
  if (start === -1) return undefined;
  const comma = data.lastIndexOf(',', start);
  NULL_USAGE.lastIndex = start;
  if (comma === -1 || data.slice(comma + 1, start).trim() !== '' || !NULL_USAGE.test(data)) return undefined;
  return data.slice(comma, NULL_USAGE.lastIndex);
}
