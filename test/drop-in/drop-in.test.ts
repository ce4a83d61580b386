import { describe, expect, test } from 'vitest';
import { DIFFERENCES } from './differences.ts';
import { runGoverned, runPlain } from './run.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { MAJOR } from './version.ts';

/** Each scenario runs on both clients, each with a server of its own; what can be seen of the two runs is compared. */
describe.each(Object.entries(SCENARIOS))('%s', (_, scenarios) => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    const { since = 0, unhandled = 0 } = scenario;
    if (MAJOR < since) {
      test.skip(`${name} (skipped: needs version ${since} of openai)`);
      continue;
    }
    test(name, async () => {
      const plain = await runPlain(scenario);
      const { transcript, charges, expected } = await runGoverned(scenario);
      const undone = DIFFERENCES.reduce((governed, { undo }) => undo(governed, plain), transcript);
      expect(undone).toEqual(plain);
      expect(charges).toEqual(expected);
      expect(plain.unhandled).toHaveLength(unhandled);
    });
  }
});
