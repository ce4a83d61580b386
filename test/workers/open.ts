import Keyv from 'keyv';
import { counterStore } from '../../src/stores/from-keyv.ts';
import type { CounterStore } from '../../src/stores/store.ts';

/** A store that several processes can open. */
export interface Place {
  readonly adapter: keyof typeof ADAPTERS;
  /** URL of the server, or path of the file. */
  readonly at: string;
}

/** Each is loaded where it is used: not every worker needs every database's client. */
const ADAPTERS = {
  '@keyv/redis': async (url: string) => {
    const { default: KeyvRedis } = await import('@keyv/redis');
    return new KeyvRedis(url);
  },
  '@keyv/valkey': async (url: string) => {
    const { default: KeyvValkey } = await import('@keyv/valkey');
    return new KeyvValkey(url);
  },
  '@keyv/postgres': async (url: string) => {
    const { default: KeyvPostgres } = await import('@keyv/postgres');
    return new KeyvPostgres(url);
  },
  '@keyv/mysql': async (url: string) => {
    const { default: KeyvMysql } = await import('@keyv/mysql');
    return new KeyvMysql(url);
  },
  fileStore: async (path: string) => {
    const { fileStore } = await import('../../src/stores/file.ts');
    return fileStore(path);
  },
};

/** Opened as an app does it. */
export class OpenStore {
  readonly counters: CounterStore;
  readonly #keyv: Keyv;

  private constructor(keyv: Keyv) {
    this.#keyv = keyv;
    this.counters = counterStore(keyv, (error) => {
      throw error;
    });
  }

  static async at({ adapter, at }: Place): Promise<OpenStore> {
    return new OpenStore(new Keyv(await ADAPTERS[adapter](at)));
  }

  async close(): Promise<void> {
    await this.#keyv.disconnect();
  }
}
