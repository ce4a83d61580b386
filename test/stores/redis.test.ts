import KeyvRedis from '@keyv/redis';
import KeyvValkey from '@keyv/valkey';
import Keyv from 'keyv';
import Keyv6 from 'keyv6';
import { afterAll, beforeAll } from 'vitest';
import { counterStore } from '../../src/stores/from-keyv.ts';
import { conformance } from '../conformance.ts';
import { RedisServer, redisProgram } from '../support/redis.ts';
import { describeWith } from '../support/server.ts';

const unheard = (error: unknown) => {
  throw error;
};

describeWith(redisProgram, 'redis-server', 'Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server?.stop());

  conformance('@keyv/redis', () => {
    const [a, b] = [new Keyv(new KeyvRedis(server.url)), new Keyv(new KeyvRedis(server.url))];
    return {
      store: counterStore(a, unheard),
      other: counterStore(b, unheard),
      close: () => Promise.all([a.disconnect(), b.disconnect()]),
    };
  });

  conformance('@keyv/valkey', () => {
    const [a, b] = [
      new Keyv6({ store: new KeyvValkey(server.url) as never }),
      new Keyv(new KeyvValkey(server.url)),
    ];
    a.namespace = b.namespace;
    return {
      store: counterStore(a, unheard),
      other: counterStore(b, unheard),
      close: () => Promise.all([a.disconnect(), b.disconnect()]),
    };
  });
});
