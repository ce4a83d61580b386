import { createClient } from '@keyv/redis';
import { onTestFinished } from 'vitest';
import type { RedisServer } from '../support/redis.ts';
import { freePort } from '../support/server.ts';

export const PASSWORD = 'hunter2';

/** Sends commands to a server, whatever state it is in. */
export type Admin = (...command: string[]) => Promise<unknown>;

export async function adminOf(url: string): Promise<Admin> {
  // What the server refuses rejects; that it goes away is no concern of this client.
  const client = createClient({ url }).on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.destroy());
  return (...command) => client.sendCommand(command);
}

/** Something that is wrong with a server, or with what it holds for a budget. */
export interface ServerFault {
  readonly name: string;
  /** What the cause of the budget's error tells; by clients that hide it in a timeout, that. */
  readonly cause: RegExp;
  /** Only who connects while it lasts has it, at this URL. */
  readonly connect?: (server: RedisServer) => string;
  /** What it held is gone. */
  readonly loses?: boolean;
  begin(server: RedisServer, admin: Admin): Promise<unknown>;
  end(server: RedisServer, admin: Admin): Promise<unknown>;
}

const HIDDEN = 'StoreTimeout|StoreAway';

function setting(
  name: string,
  during: string,
  after: string,
  cause: RegExp,
  connect?: ServerFault['connect'],
): ServerFault {
  return {
    name: `${name} ${during}`,
    cause,
    ...(connect && { connect }),
    begin: (_, admin) => admin('CONFIG', 'SET', name, during),
    end: (_, admin) => admin('CONFIG', 'SET', name, after),
  };
}

/** Puts something else in the place of what the budget has at the keys of a pattern, and puts that back afterwards. */
function misplaced(
  name: string,
  pattern: string,
  cause: RegExp,
  ...command: [string, ...string[]]
): ServerFault {
  return {
    name,
    cause,
    async begin(_, admin) {
      for (const key of (await admin('KEYS', pattern)) as string[]) {
        await admin('RENAME', key, `saved ${key}`);
        const [verb, ...rest] = command;
        await admin(verb, key, ...rest);
      }
    },
    async end(_, admin) {
      for (const key of (await admin('KEYS', 'saved *')) as string[]) {
        await admin('RENAME', key, key.slice('saved '.length));
      }
    },
  };
}

export const MISPLACED: readonly ServerFault[] = [
  misplaced('a list at one of the counters', '*:count:requests*', /WRONGTYPE/, 'RPUSH', 'x'),
  misplaced('a list at all counters', '*:count:*', /WRONGTYPE/, 'RPUSH', 'x'),
  misplaced('a text at one of the counters', '*:count:requests*', /that is no number/, 'SET', 'twelve'),
  misplaced('no number at one of the counters', '*:count:requests*', /that is no number/, 'SET', 'nan'),
  misplaced('infinity at one of the counters', '*:count:requests*', /that is no number/, 'SET', '-inf'),
  misplaced('a list at the open reservations', '*:open:*', /WRONGTYPE/, 'RPUSH', 'x'),
];

export const REFUSING: readonly ServerFault[] = [
  setting('maxmemory', '1', '0', /OOM/),
  setting('min-replicas-to-write', '1', '0', /NOREPLICAS/),
  setting('maxclients', '1', '100', new RegExp(`max number of clients|${HIDDEN}`), ({ url }) => url),
  setting('requirepass', 'other', PASSWORD, new RegExp(`WRONGPASS|${HIDDEN}`), ({ url }) =>
    url.replace('//', `//:${PASSWORD}@`),
  ),
  {
    name: 'a user without rights',
    cause: /NOPERM/,
    begin: (_, admin) => admin('ACL', 'SETUSER', 'default', '-evalsha', '-eval'),
    end: (_, admin) => admin('ACL', 'SETUSER', 'default', '+@all'),
  },
  {
    name: 'a replica',
    cause: /READONLY/,
    begin: async (_, admin) => admin('REPLICAOF', '127.0.0.1', String(await freePort())),
    end: (_, admin) => admin('REPLICAOF', 'NO', 'ONE'),
  },
];

export const AWAY: readonly ServerFault[] = [
  {
    name: 'down',
    loses: true,
    cause: new RegExp(`ECONNREFUSED|ECONNRESET|[Cc]losed|${HIDDEN}`),
    begin: (server) => server.stop(),
    end: (server) => server.restart(),
  },
  {
    name: 'paused',
    cause: new RegExp(HIDDEN),
    begin: async (server) => server.pause(),
    end: async (server) => server.resume(),
  },
];
