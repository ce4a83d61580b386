import { events, failure, json, reset } from '../answers.ts';
import { COMPLETION, chat, collect, HELLO, STREAMED } from '../bodies.ts';
import { shown } from '../plain.ts';
import type { Scenario, Side } from '../run.ts';

/** A logger that notes each line as an app would see it, and the fields of it. */
function loggerOf({ note }: Side) {
  const log =
    (level: string) =>
    (message: string, ...rest: unknown[]) =>
      note(level, [message, ...rest, rest.map(shown)]);
  return { error: log('error'), warn: log('warn'), info: log('info'), debug: log('debug') };
}

const LEVELS = ['off', 'error', 'warn', 'info', 'debug'] as const;

export const logging: Record<string, Scenario> = Object.fromEntries(
  LEVELS.flatMap((logLevel): [string, Scenario][] => [
    [
      `${logLevel}: a completion`,
      {
        answers: [json(COMPLETION)],
        run: (side) => side.client({ logger: loggerOf(side), logLevel }).chat.completions.create(HELLO),
      },
    ],
    [
      `${logLevel}: a stream`,
      {
        answers: [events(chat(['Hello']))],
        run: async (side) =>
          collect(await side.client({ logger: loggerOf(side), logLevel }).chat.completions.create(STREAMED)),
      },
    ],
    [
      `${logLevel}: retries, and an error`,
      {
        answers: [failure(500), reset, failure(400)],
        run: (side) =>
          side.client({ logger: loggerOf(side), logLevel, maxRetries: 2 }).chat.completions.create(HELLO),
        outcomes: ['refunded', 'estimated', 'refunded'],
        noWaits: true,
      },
    ],
    [
      `${logLevel}: a list`,
      {
        answers: [json({ object: 'list', data: [] })],
        run: (side) => side.client({ logger: loggerOf(side), logLevel }).models.list(),
      },
    ],
  ]),
);
