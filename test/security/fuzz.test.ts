import { expect, test } from 'vitest';
import { PROPERTIES } from './properties.ts';

/** Some runs of each, every time others; `npm run fuzz` makes many. What nobody catches, Vitest reports. */
test.each(Object.entries(PROPERTIES))('%s', async (_title, check) => {
  const met = new Set<string>();
  const { failure } = await check((what) => met.add(what), { numRuns: 300 });
  expect(failure).toBeUndefined();
  // They are worth nothing if all of them come to the same.
  expect(met.size).toBeGreaterThan(2);
});
