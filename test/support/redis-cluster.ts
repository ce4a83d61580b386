import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@keyv/redis';
import { vi } from 'vitest';
import { RedisServer } from './redis.ts';
import { freePort } from './server.ts';

const SLOTS = 16_384;

/** A Redis Cluster of three nodes on this machine, none of them with a replica. */
export class RedisCluster {
  readonly nodes: readonly RedisServer[];
  readonly #folder: string;

  private constructor(nodes: readonly RedisServer[], folder: string) {
    this.nodes = nodes;
    this.#folder = folder;
  }

  static async start(): Promise<RedisCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'governed-cluster-'));
    const nodes: RedisServer[] = [];
    const buses: number[] = [];
    for (let i = 0; i < 3; i++) {
      const bus = await freePort();
      buses.push(bus);
      nodes.push(await RedisServer.start(...settings(folder, i, bus)));
    }
    const cluster = new RedisCluster(nodes, folder);
    for (const [i, node] of nodes.entries()) {
      const [from, to] = [i, i + 1].map((n) => Math.floor((n * SLOTS) / nodes.length)) as [number, number];
      await command(node, 'CLUSTER', 'ADDSLOTSRANGE', String(from), String(to - 1));
      await command(node, 'CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
      for (const [j, other] of nodes.slice(0, i).entries()) {
        await command(node, 'CLUSTER', 'MEET', '127.0.0.1', String(other.port), String(buses[j]));
      }
    }
    await cluster.healthy();
    return cluster;
  }

  get rootNodes(): { url: string }[] {
    return this.nodes.map(({ url }) => ({ url }));
  }

  /** Resolves when every node knows that all slots are served. */
  async healthy(): Promise<void> {
    for (const node of this.nodes) {
      await vi.waitFor(
        async () => {
          const info = String(await command(node, 'CLUSTER', 'INFO'));
          const known = info.includes('cluster_known_nodes:3') && info.includes('cluster_slots_ok:16384');
          if (!known || !info.includes('cluster_state:ok'))
            throw new Error(`the cluster is not ready: ${info}`);
        },
        { timeout: 20_000, interval: 50 },
      );
    }
  }

  /** Which of the nodes has the keys of a namespace. */
  async nodeOf(namespace: string): Promise<number> {
    const slot = await command(this.nodes[0], 'CLUSTER', 'KEYSLOT', `{governed:${namespace}}`);
    return Math.floor((Number(slot) * this.nodes.length) / SLOTS);
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    rmSync(this.#folder, { recursive: true });
  }
}

function settings(folder: string, node: number, bus: number): string[] {
  const file = ['--dir', folder, '--cluster-config-file', `node-${node}.conf`];
  // A node that is away leaves the others their own slots.
  const coverage = ['--cluster-require-full-coverage', 'no', '--cluster-node-timeout', '500'];
  return ['--cluster-enabled', 'yes', '--cluster-port', String(bus), ...file, ...coverage];
}

async function command(node: RedisServer | undefined, ...words: string[]): Promise<unknown> {
  const client = createClient({ url: node?.url ?? '' });
  await client.connect();
  try {
    return await client.sendCommand(words);
  } finally {
    client.destroy();
  }
}
