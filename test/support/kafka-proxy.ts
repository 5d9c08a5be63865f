// A TCP proxy that understands Kafka's frames: it loses, delays and cuts exchanges by request type and count.
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What happens to a request that a rule picks. */
export type Fault =
  /** The broker never sees it; the connection is reset. */
  | 'reset-request'
  /** The broker executes it; the connection is reset instead of the answer. */
  | 'reset-answer'
  /** The broker never sees it; the connection stays open and silent. */
  | 'drop-request'
  /** The broker executes it; the connection stays open and silent. */
  | 'drop-answer'
  /** It waits, with all behind it, until the rule is released. */
  | 'hold-request'
  /** The broker executes it; the answer waits, with all behind it, until the rule is released. */
  | 'hold-answer'
  /** The connection is reset, and the broker gets the request when the rule is released. */
  | 'late-request';

export type Rule = {
  /** Resolves when the rule has picked its first request. */
  readonly hit: Promise<void>;
  readonly hitCount: () => number;
  /** Lets go what is held; what the rule would still pick passes. */
  readonly release: () => void;
};

export type KafkaProxy = {
  /** `host:port` for clients. */
  readonly address: string;
  /** Picks the next `times` (1) requests of a type. */
  readonly on: (apiKey: number, fault: Fault, times?: number) => Rule;
  /** How many requests of a type came in so far. */
  readonly seen: (apiKey: number) => number;
  /** Resets every connection of now. */
  readonly resetAll: () => void;
  readonly close: () => Promise<void>;
};

export const API = {
  Produce: 0, Fetch: 1, ListOffsets: 2, Metadata: 3, OffsetFetch: 9, FindCoordinator: 10, JoinGroup: 11, Heartbeat: 12, LeaveGroup: 13, SyncGroup: 14,
  ApiVersions: 18, InitProducerId: 22, AddPartitionsToTxn: 24, AddOffsetsToTxn: 25, EndTxn: 26, TxnOffsetCommit: 28,
} as const;

const HOST = '127.0.0.1';

type RunningRule = Rule & { readonly apiKey: number; readonly fault: Fault; readonly pick: () => boolean; readonly whenReleased: (then: () => void) => void };

const createRule = (apiKey: number, fault: Fault, times: number): RunningRule => {
  const hit = Promise.withResolvers<void>();
  const waiting: (() => void)[] = [];
  let hitCount = 0;
  let isReleased = false;
  return {
    apiKey, fault, hit: hit.promise, hitCount: () => hitCount,
    pick: () => {
      if (isReleased || hitCount >= times) return false;
      hitCount++;
      hit.resolve();
      return true;
    },
    whenReleased: (then) => {
      if (isReleased) then();
      else waiting.push(then);
    },
    release: () => {
      isReleased = true;
      for (const then of waiting.splice(0)) then();
    },
  };
};

/** Splits a stream into frames of Kafka: a length of four bytes, then as many. */
const onFrames = (socket: Socket, onFrame: (frame: Buffer) => void): void => {
  let buffered: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    while (buffered.length >= 4) {
      const end = 4 + buffered.readInt32BE(0);
      if (buffered.length < end) return;
      const frame = buffered.subarray(0, end);
      buffered = buffered.subarray(end);
      onFrame(frame);
    }
  });
};

/** Broker addresses inside answers point to the proxies, or clients would go round them. Same host, so only the port changes. */
const rewritePorts = (frame: Buffer, ports: ReadonlyMap<number, number>): void => {
  const host = Buffer.from(HOST);
  for (let at = frame.indexOf(host); at >= 0; at = frame.indexOf(host, at + 1)) {
    const portAt = at + host.length;
    const proxied = portAt + 4 <= frame.length ? ports.get(frame.readInt32BE(portAt)) : undefined;
    if (proxied !== undefined) frame.writeInt32BE(proxied, portAt);
  }
};

class Proxy {
  readonly rules: RunningRule[] = [];
  readonly seen = new Map<number, number>();
  readonly sockets = new Set<Socket>();
  readonly server: Server;

  constructor(targetPort: number, ports: () => ReadonlyMap<number, number>) {
    this.server = createServer((client) => this.#serve(client, targetPort, ports));
  }

  #serve(client: Socket, targetPort: number, ports: () => ReadonlyMap<number, number>): void {
    const upstream = connect(targetPort, HOST);
    this.sockets.add(client).add(upstream);
    for (const socket of [client, upstream]) socket.setNoDelay(true).on('error', () => undefined).on('close', () => this.sockets.delete(socket));
    // In the order of the requests, as Kafka answers: what is to become of each answer.
    const fates: { readonly apiKey: number; readonly rule: RunningRule | null }[] = [];
    const queue: (() => void)[] = [];
    let isHeld = false;
    // A late request outlives its client's connection.
    let isLate = false;
    const pump = (): void => {
      while (!isHeld) {
        const next = queue.shift();
        if (next === undefined) return;
        next();
      }
    };
    const forward = (frame: Buffer, apiKey: number, rule: RunningRule | null): void => {
      fates.push({ apiKey, rule });
      upstream.write(frame);
    };
    const request = (frame: Buffer): void => {
      const apiKey = frame.readInt16BE(4);
      this.seen.set(apiKey, (this.seen.get(apiKey) ?? 0) + 1);
      const rule = this.rules.find((candidate) => candidate.apiKey === apiKey && candidate.pick()) ?? null;
      switch (rule?.fault) {
        case 'reset-request':
          client.destroy();
          return;
        case 'drop-request':
          isHeld = true;
          return;
        case 'late-request':
          isLate = true;
          client.destroy();
          rule.whenReleased(() => forward(frame, apiKey, null));
          return;
        case 'hold-request':
          isHeld = true;
          rule.whenReleased(() => {
            forward(frame, apiKey, null);
            isHeld = false;
            pump();
          });
          return;
        default:
          forward(frame, apiKey, rule);
      }
    };
    onFrames(client, (frame) => {
      queue.push(() => request(frame));
      pump();
    });
    let isMuted = false;
    // Answers of one connection never overtake one another.
    let heldAnswers: Buffer[] | null = null;
    const letGo = (): void => {
      for (const held of heldAnswers ?? []) client.write(held);
      heldAnswers = null;
    };
    onFrames(upstream, (frame) => {
      const fate = fates.shift();
      if (fate?.apiKey === API.Metadata || fate?.apiKey === API.FindCoordinator) rewritePorts(frame, ports());
      const rule = fate?.rule;
      if (rule?.fault === 'drop-answer') isMuted = true;
      if (rule?.fault === 'reset-answer') client.destroy();
      else if (heldAnswers !== null) heldAnswers.push(frame);
      else if (rule?.fault === 'hold-answer') {
        heldAnswers = [frame];
        rule.whenReleased(letGo);
      } else if (!isMuted) client.write(frame);
    });
    client.on('close', () => {
      if (!isLate) upstream.destroy();
    });
    upstream.on('close', () => client.destroy());
  }
}

/** One proxy a broker, in the order given; each tells its clients of the others, not of the brokers. */
export const createKafkaProxies = async (brokers: readonly string[]): Promise<readonly KafkaProxy[]> => {
  const ports = new Map<number, number>();
  return await Promise.all(brokers.map(async (broker): Promise<KafkaProxy> => {
    const targetPort = Number(broker.split(':').at(-1));
    const proxy = new Proxy(targetPort, () => ports);
    const port = await new Promise<number>((resolve) => {
      proxy.server.listen(0, HOST, () => {
        const address = proxy.server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    ports.set(targetPort, port);
    const resetAll = (): void => {
      for (const socket of [...proxy.sockets]) socket.destroy();
    };
    return {
      address: `${HOST}:${port}`,
      on: (apiKey, fault, times = 1) => {
        const rule = createRule(apiKey, fault, times);
        proxy.rules.push(rule);
        return rule;
      },
      seen: (apiKey) => proxy.seen.get(apiKey) ?? 0,
      resetAll,
      close: () => new Promise((resolve) => {
        for (const rule of proxy.rules) rule.release();
        proxy.server.close(() => resolve());
        resetAll();
      }),
    };
  }));
};

/** The proxy of a single broker. */
export const createKafkaProxy = async (broker: string): Promise<KafkaProxy> => {
  const [proxy] = await createKafkaProxies([broker]);
  if (proxy === undefined) throw new Error('no broker');
  return proxy;
};
