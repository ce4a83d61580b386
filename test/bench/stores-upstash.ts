import { createHash } from 'node:crypto';
import type { Ratelimit } from '@upstash/ratelimit';
import type { connectRedis } from './stores-contender.ts';

type UpstashRedis = ConstructorParameters<typeof Ratelimit>[0]['redis'];

/**
 * node-redis in the shape that `@upstash/ratelimit` asks for. Its scripts start with a flag that only Upstash's server
 * knows (`#!lua flags=allow-key-locking`; Redis refuses it): that line is left out, and the script so changed is the one
 * that the hash of the original then calls.
 */
export function upstashClient(client: Awaited<ReturnType<typeof connectRedis>>): UpstashRedis {
  const plain = new Map<string, string>();
  const texts = (args: readonly unknown[]) => args.map(String);
  const adapter = {
    get: (key: string) => client.get(key),
    set: (key: string, value: unknown) => client.set(key, String(value)),
    evalsha: (hash: string, keys: string[], args: unknown[]) => {
      const sha1 = plain.get(hash);
      if (sha1 === undefined) throw new Error('NOSCRIPT');
      return client.evalSha(sha1, { keys, arguments: texts(args) });
    },
    eval: (script: string, keys: string[], args: unknown[]) => {
      const runnable = script.replace(/^#!.*/, '');
      plain.set(sha1Of(script), sha1Of(runnable));
      return client.eval(runnable, { keys, arguments: texts(args) });
    },
  };
  return adapter as unknown as UpstashRedis;
}

function sha1Of(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
