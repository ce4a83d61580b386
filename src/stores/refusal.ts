/** What the clients of Redis call an error that the server answered with. */
const REPLIES: ReadonlySet<unknown> = new Set(['ErrorReply', 'SimpleError', 'BlobError', 'ReplyError']);

/**
 * Whether an error is a server's own answer, or SQLite's: then the operation, being one atomic step, wrote nothing. Other
 * errors, such as a lost connection, leave open whether it did.
 */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // node-redis names its classes, but not their instances.
  if (REPLIES.has(error.name) || REPLIES.has(error.constructor.name)) return true;
  // Postgres says how severe it is, MySQL gives the state of SQL; errors of the connection have neither.
  return (
    error.name === 'FileStoreError' ||
    'severity' in error ||
    ('sqlState' in error && error.sqlState !== undefined)
  );
}
