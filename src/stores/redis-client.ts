/** Runs scripts on whatever client a Keyv adapter has for Redis or Valkey. */
export interface RedisClient {
  evalSha(sha1: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  eval(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Whether the app has closed it. A script opens it again, as any operation of its Keyv does. */
  isClosed(): boolean;
}

/** `@keyv/redis`, by what is used of it. */
export interface NodeRedisAdapter {
  getClient(): Promise<NodeRedis>;
}

interface Script {
  readonly keys: string[];
  readonly arguments: string[];
}

/** The client of node-redis, single, of a cluster or of sentinels. */
interface NodeRedis {
  readonly isOpen?: boolean;
  /** Not there in a cluster. */
  readonly isReady?: boolean;
  evalSha(sha1: string, script: Script): Promise<unknown>;
  eval(script: string, options: Script): Promise<unknown>;
  withCommandOptions?(options: { timeout: number }): NodeRedis;
  on?(event: 'end' | 'disconnect', listener: () => void): unknown;
}

/** A command leaves the queue of a client without connection after this many milliseconds: its caller waits no longer. */
const QUEUED = 10_000;

export function nodeRedisClient(adapter: NodeRedisAdapter): RedisClient {
  let connected: NodeRedis | undefined;
  let connecting: Promise<NodeRedis> | undefined;
  let closed = false;
  // By the app, or by the adapter when it cannot connect. Not one that loses its server, even if it gives up.
  const onClosed = () => {
    closed = connecting === undefined;
  };
  // All wait for one connect: the adapter hands out a client that is not connected to whoever comes second.
  const connect = () => {
    connecting ??= adapter
      .getClient()
      .then((client) => {
        // The second is that of a cluster.
        if (client !== connected)
          for (const event of ['end', 'disconnect'] as const) client.on?.(event, onClosed);
        connected = client;
        // If not, the app has closed it before it could connect.
        closed = client.isOpen === false;
        return client;
      })
      .finally(() => {
        connecting = undefined;
      });
    return connecting;
  };
  const run = async (command: (client: NodeRedis) => Promise<unknown>) => {
    const client = connected !== undefined && connected.isOpen !== false ? connected : await connect();
    return command(client.isReady === false ? bounded(client) : client);
  };
  return {
    evalSha(sha1, keys, args) {
      const script = { keys: keys as string[], arguments: args as string[] };
      // The way of nearly all calls, without promises of our own.
      if (connected?.isReady === true) return connected.evalSha(sha1, script);
      return run((client) => client.evalSha(sha1, script));
    },
    eval: (script, keys, args) =>
      run((client) => client.eval(script, { keys: keys as string[], arguments: args as string[] })),
    isClosed: () => closed && connected?.isOpen !== true,
  };
}

function bounded(client: NodeRedis): NodeRedis {
  return client.withCommandOptions?.({ timeout: QUEUED }) ?? client;
}

/** The client of ioredis and of iovalkey, by what is used of it. */
export interface IoRedis {
  evalsha(sha1: string, keys: number, ...args: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  /** Not there in a client that is no event emitter. */
  prependListener?(event: 'error', listener: (error: unknown) => void): unknown;
}

export function ioRedisClient(client: IoRedis): RedisClient {
  client.prependListener?.('error', hideCommand);
  return {
    evalSha: (sha1, keys, args) => client.evalsha(sha1, keys.length, ...keys, ...args),
    eval: (script, keys, args) => client.eval(script, keys.length, ...keys, ...args),
    // It refuses commands then, by itself.
    isClosed: () => false,
  };
}

/** These clients put the command into its error: of a failed AUTH the password, which must not get into logs. */
function hideCommand(error: unknown): void {
  if (error instanceof Error && 'command' in error)
    Object.defineProperty(error, 'command', { enumerable: false });
}
