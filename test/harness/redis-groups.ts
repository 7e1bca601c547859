import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { startProcess } from './process.ts';
import { findRedisProgram, type RedisServer, sendRedisCommand, startRedisServer } from './redis.ts';
import { createService, type Service } from './service.ts';
import { waitFor } from './wait.ts';

/** Redis servers on 127.0.0.1 of which one has the queue, and another one replaces it. */
export type RedisGroup = {
  /** For QUEUE_URL. */
  url: string;
  /** Returns the server that has the queue now. */
  primary(): Promise<RedisServer>;
  /** Makes the replica the primary, as an operator does before maintenance. */
  failover(): Promise<void>;
  /** Stops all of them, also paused ones. */
  stop(): Promise<void>;
};

/** The name of the primary in the sentinels' configuration. */
const NAME = 'alerts';
const SENTINELS = 3;
/** After this time without a response, a server counts as failed. */
const DOWN_AFTER_MS = 3_000;
const READY = { timeoutMs: 120_000 };
/** The user of api and worker, with the rights that docs/redis.md names. */
const LOGIN = 'alerts:secret';
const USER = 'alerts on >secret ~{alerts}:* ~limits:* &* +@all -@admin -@dangerous +info';

/** Starts a primary, a replica, and three sentinels that watch them. */
export async function startRedisSentinels(command?: string): Promise<RedisGroup> {
  const file = command ?? (await findRedisProgram(process.env.PATH ?? ''));
  const folder = await mkdtemp(join(tmpdir(), 'redis-sentinels-'));
  const started: Stoppable[] = [];
  const stop = () => stopAll(started, folder);
  try {
    const first = await startRedisServer({
      command: file,
      folder: join(folder, 'first'),
      fsync: 'everysec',
      settings: { user: USER },
    });
    started.push(first);
    const settings = { user: USER, replicaof: `127.0.0.1 ${first.port}` };
    const second = await startRedisServer({
      command: file,
      folder: join(folder, 'second'),
      fsync: 'everysec',
      settings,
    });
    started.push(second);
    const ports: number[] = [];
    for (let index = 0; index < SENTINELS; index += 1) {
      const port = await freePort();
      const service = await createSentinel({ file, folder, port, primaryPort: first.port });
      started.push(service);
      await service.start();
      ports.push(port);
    }
    const [port = 0] = ports;
    await Promise.all(ports.map(waitUntilUsable));
    return {
      url: `redis+sentinel://${LOGIN}@${ports.map((each) => `127.0.0.1:${each}`).join(',')}/${NAME}`,
      async primary() {
        const reply = await sendRedisCommand(port, `SENTINEL GET-MASTER-ADDR-BY-NAME ${NAME}`);
        return reply.includes(`${second.port}`) ? second : first;
      },
      failover: async () => void (await sendRedisCommand(port, `SENTINEL FAILOVER ${NAME}`)),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Sentinel = { file: string; folder: string; port: number; primaryPort: number };

async function createSentinel({ file, folder, port, primaryPort }: Sentinel): Promise<Service> {
  const config = join(folder, `sentinel-${port}.conf`); // the sentinel writes into it, too
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${primaryPort} 2`,
    `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${NAME} 10000`,
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  const launch = (name: string) =>
    startProcess({ name, file, args: [config, '--sentinel'], readyLine: /\+monitor master/ });
  return createService({ name: `sentinel-${port}`, launch });
}

/** Waits until the sentinel knows the others and the replica. */
async function waitUntilUsable(port: number): Promise<void> {
  const read = async () => {
    const [quorum, primary] = await Promise.all([
      sendRedisCommand(port, `SENTINEL CKQUORUM ${NAME}`).catch(() => ''),
      sendRedisCommand(port, `SENTINEL MASTER ${NAME}`),
    ]);
    const [, replicas] = /num-slaves\r\n\$\d+\r\n(\d+)/.exec(primary) ?? [];
    return quorum.startsWith(`+OK ${SENTINELS}`) && replicas === '1';
  };
  await waitFor(read, { ...READY, what: `the sentinel on port ${port}` });
}

const SLOTS = 16_384;
const PRIMARIES = 3;

/** Starts a cluster of three primaries, and a replica of the one that has the queue. */
export async function startRedisCluster(command?: string): Promise<RedisGroup> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-cluster-'));
  const started: RedisServer[] = [];
  const stop = () => stopAll(started, folder);
  try {
    const nodes: (RedisServer & { busPort: number })[] = [];
    for (let index = 0; index <= PRIMARIES; index += 1) {
      const busPort = await freePort();
      const settings = {
        user: USER,
        'cluster-enabled': 'yes',
        'cluster-node-timeout': DOWN_AFTER_MS,
        'cluster-port': busPort,
        'cluster-replica-validity-factor': 0,
      };
      const server = await startRedisServer({ command, folder: join(folder, `${index}`), fsync: 'everysec', settings });
      started.push(server);
      nodes.push(Object.assign(server, { busPort }));
    }
    const replica = nodes.pop();
    if (!replica) throw new Error('no node was started');
    for (const [index, node] of nodes.entries()) {
      const from = Math.ceil((SLOTS * index) / PRIMARIES);
      const to = Math.ceil((SLOTS * (index + 1)) / PRIMARIES) - 1;
      await node.send(`CLUSTER ADDSLOTSRANGE ${from} ${to}`);
      await node.send(`CLUSTER SET-CONFIG-EPOCH ${index + 1}`);
    }
    for (const node of nodes) await replica.send(`CLUSTER MEET 127.0.0.1 ${node.port} ${node.busPort}`);
    for (const node of [...nodes, replica]) await waitForNodes(node);
    const slot = Number((await replica.send('CLUSTER KEYSLOT {alerts}')).slice(1));
    const owner = nodes[Math.floor((slot * PRIMARIES) / SLOTS)];
    if (!owner) throw new Error(`no node has the slot ${slot}`);
    const [, ownerId] = (await owner.send('CLUSTER MYID')).split('\r\n');
    await replica.send(`CLUSTER REPLICATE ${ownerId}`);
    await waitUntilReplicates(replica);
    return {
      url: `redis+cluster://${LOGIN}@${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
      async primary() {
        const reply = await replica.send('ROLE').catch(() => '');
        return reply.includes('master') ? replica : owner;
      },
      failover: async () => void (await replica.send('CLUSTER FAILOVER')),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits until the node knows all others and all slots are assigned. */
async function waitForNodes(node: RedisServer): Promise<void> {
  const read = async () => {
    const info = await node.send('CLUSTER INFO');
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${PRIMARIES + 1}`);
  };
  await waitFor(read, { ...READY, what: `the cluster at port ${node.port}` });
}

async function waitUntilReplicates(replica: RedisServer): Promise<void> {
  const read = async () => (await replica.send('ROLE')).includes('connected');
  await waitFor(read, { ...READY, what: `the replica on port ${replica.port}` });
}

type Stoppable = { stop(): Promise<void>; service?: Service; resume?(): void };

async function stopAll(started: Stoppable[], folder: string): Promise<void> {
  for (const each of started) {
    each.service?.resume();
    each.resume?.();
  }
  await Promise.all(started.map((each) => each.stop()));
  await rm(folder, { recursive: true, force: true });
}
