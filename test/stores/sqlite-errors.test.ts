import { expect, test } from 'vitest';
import { FileStoreError, fileStoreError, isLocked } from '../../src/stores/sqlite.ts';

const failure = (message: string, more: object) => Object.assign(new Error(message), more);

/** As Node and Bun tell them, with the number of SQLite; and as Deno does, in part without. */
test.each([
  ['database is locked', { code: 'ERR_SQLITE_ERROR', errcode: 5 }, 'SQLITE_BUSY', true],
  ['database is locked', { code: 'ERR_SQLITE_ERROR', errcode: 517 }, 'SQLITE_BUSY', true],
  ['database is locked', { code: 'ERR_SQLITE_ERROR' }, 'SQLITE_BUSY', true],
  ['locking protocol', { code: 'ERR_SQLITE_ERROR' }, 'SQLITE_PROTOCOL', true],
  ['unable to open database file: /x/y.db', { code: 'ERR_SQLITE_ERROR' }, 'SQLITE_CANTOPEN', false],
  ['file is not a database', { code: 'ERR_SQLITE_ERROR' }, 'SQLITE_NOTADB', false],
  ['no such column: x', { code: 'ERR_SQLITE_ERROR' }, 'SQLITE_ERROR', false],
  ['no such column: x', { code: 'ERR_SQLITE_ERROR', errcode: 1 }, 'SQLITE_ERROR', false],
])('%s %j is %s', (message, more, code, locked) => {
  const error = failure(message, more);
  expect(isLocked(error)).toBe(locked);
  const told = fileStoreError('budget.db', error);
  expect(told).toBeInstanceOf(FileStoreError);
  expect(told).toMatchObject({ code, cause: error, message: `budget.db: ${message} (${code})` });
});

test('an error of anything else stays as it is', () => {
  for (const error of [failure('database is locked', {}), failure('x', { code: 'ENOENT' }), 'a string']) {
    expect(isLocked(error)).toBe(false);
    expect(fileStoreError('budget.db', error)).toBe(error);
  }
});
