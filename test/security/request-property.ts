import fc from 'fast-check';
import { OpenAI } from 'openai';
import { request } from './arbitraries.ts';
import { expectClosed, hold, property } from './holding.ts';
import { EVERY_UNIT, setUp } from './support.ts';

const PATHS = [
  '/chat/completions',
  '/responses',
  '/completions',
  '/embeddings',
  '/images/generations',
  '/images/edits',
  '/audio/transcriptions',
  '/audio/speech',
  '/moderations',
];

/** Not in dollars: most of these models have no price. */
const limits = EVERY_UNIT.filter((limit) => limit.cost === undefined);

/** 'sent', or the error. */
async function came(client: OpenAI, path: string, body: object): Promise<string> {
  try {
    await (await client.post(path, { body }).asResponse()).text();
    return 'sent';
  } catch (error) {
    return String(error);
  }
}

/** An estimate is made of counts; what the SDK sends is sent as it is, and what it cannot send is not charged. */
export const anyRequest = property((note) =>
  fc.asyncProperty(fc.constantFrom(...PATHS), request, async (path, body) => {
    const reply = () => Response.json({ usage: { prompt_tokens: 9, completion_tokens: 4 } });
    const { openai, budget, outcomes, fetch, requests } = setUp(reply, { limits });
    for (const [unit, amount] of Object.entries(await budget.estimate(path, body))) {
      hold(Number.isFinite(amount) && amount >= 0, 'the estimate is no count', unit, amount);
    }
    const bare = new OpenAI({ apiKey: 'sk-test', fetch, maxRetries: 0 });
    const expected = await came(bare, path, body);
    const actual = await came(openai, path, body);
    hold(actual === expected, 'it came to', actual, 'in the SDK to', expected);
    if (expected !== 'sent') {
      note('not to be encoded');
      for (const { used } of await budget.usage()) hold(used === 0, 'charged', used);
      hold((await budget.reservations()).length === 0, 'a reservation is open');
      return;
    }
    note(body.stream === true ? 'a stream' : `sent: ${path}`);
    const [plain, governed] = requests.map(({ body: sent }) => JSON.stringify(sent));
    // A stream is made to ask for its usage.
    if (body.stream !== true) hold(plain === governed, 'another body was sent', governed, plain);
    await expectClosed({ budget, outcomes });
  }),
);
