import { type Contender, connectRedis, TOKENS } from './stores-contender.ts';
import { governedContenders } from './stores-governed.ts';
import { limiterContenders } from './stores-limiters.ts';

export const FLOOR = 'bare EVALSHA of one INCRBY';

const BARE = `local value = redis.call('INCRBY', KEYS[1], ARGV[1])
if value == tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return value`;

const floors: readonly Contender[] = [
  {
    name: 'bare INCRBY',
    store: 'redis',
    async open({ redis }) {
      const client = await connectRedis(redis);
      return { call: () => client.incrBy('plain', TOKENS), close: async () => client.destroy() };
    },
  },
  {
    name: FLOOR,
    store: 'redis',
    async open({ redis }) {
      const client = await connectRedis(redis);
      const sha1 = await client.scriptLoad(BARE);
      return {
        call: () => client.evalSha(sha1, { keys: ['bare'], arguments: [String(TOKENS), '60000'] }),
        close: async () => client.destroy(),
      };
    },
  },
];

export const contenders: readonly Contender[] = [...governedContenders, ...floors, ...limiterContenders];

export function contenderOf(name: string): Contender {
  const contender = contenders.find((one) => one.name === name);
  if (contender === undefined) throw new Error(`there is no contender ${name}`);
  return contender;
}
