import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EMBEDDED, embedScripts } from '../support/embed-scripts.ts';

test('the embedded scripts are those of the files (else: npm run embed)', () => {
  expect(readFileSync(EMBEDDED, 'utf8')).toBe(embedScripts());
});
