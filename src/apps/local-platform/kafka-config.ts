/** A listener beside the plain one, for tests of TLS and SASL. */
export type ExtraListener = {
  /** Upper case, for example `SASL`. */
  readonly name: string;
  readonly protocol: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';
  /** Broker settings of this listener without the `listener.name.<name>.` prefix. */
  readonly config?: Readonly<Record<string, string>>;
};

/** One broker, which is a controller too. */
export type BrokerNode = {
  readonly nodeId: number;
  readonly port: number;
  readonly controllerPort: number;
  readonly extraPorts: Readonly<Record<string, number>>;
  readonly dataFolder: string;
};

export type BrokerSettings = {
  readonly extraListeners: readonly ExtraListener[];
  /** Overrides anything below. */
  readonly extraConfig: Readonly<Record<string, string>>;
};

const HOST = '127.0.0.1';
const DAY_MINUTES = 24 * 60;

const listenerSettings = (node: BrokerNode, extras: readonly ExtraListener[]): Record<string, string> => {
  const own = [`PLAINTEXT://${HOST}:${String(node.port)}`];
  const others = extras.map(({ name }) => `${name}://${HOST}:${String(node.extraPorts[name] ?? 0)}`);
  const map = ['CONTROLLER:PLAINTEXT', 'PLAINTEXT:PLAINTEXT', ...extras.map(({ name, protocol }) => `${name}:${protocol}`)];
  const settings: Record<string, string> = {
    listeners: [...own, ...others, `CONTROLLER://${HOST}:${String(node.controllerPort)}`].join(','),
    'advertised.listeners': [...own, ...others].join(','),
    'listener.security.protocol.map': map.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
  };
  for (const { name, config } of extras) {
    for (const [key, value] of Object.entries(config ?? {})) settings[`listener.name.${name.toLowerCase()}.${key}`] = value;
  }
  return settings;
};

const clusterSettings = (brokerCount: number): Record<string, string> => {
  const replication = String(Math.min(3, brokerCount));
  const inSync = brokerCount >= 3 ? '2' : '1';
  return {
    'default.replication.factor': replication,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replication,
    'transaction.state.log.replication.factor': replication,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': replication,
    'share.coordinator.state.topic.min.isr': inSync,
    // A killed broker is taken back when its old session has ended; alone it has nobody to be mistaken for.
    'broker.session.timeout.ms': brokerCount === 1 ? '3000' : '6000',
  };
};

const COMMON: Readonly<Record<string, string>> = {
  'process.roles': 'broker,controller',
  'auto.create.topics.enable': 'false',
  'num.partitions': '2',
  // Few partitions of the internal topics: they are created by the first transaction, which `up` waits for.
  'offsets.topic.num.partitions': '5',
  'transaction.state.log.num.partitions': '5',
  'share.coordinator.state.topic.num.partitions': '5',
  // The broker retries the implicit add of a partition to a transaction in these steps; its default of 20 ms is felt.
  'add.partitions.to.txn.retry.backoff.ms': '1',
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '1000',
  // A read position outlives the audit's retention of 400 days: an expired one would mean folding from the start.
  'offsets.retention.minutes': String(401 * DAY_MINUTES),
  'log.segment.delete.delay.ms': '1000',
  // The default buffer of 128 MiB is allocated at start and would be a quarter of a small heap.
  'log.cleaner.dedupe.buffer.size': String(16 * 1024 * 1024),
  // A broker becomes visible at a heartbeat; at the default of 2 s that is most of a quick start.
  'broker.heartbeat.interval.ms': '250',
};

/** The settings of one broker of a KRaft cluster on loopback. */
export const brokerConfig = (
  node: BrokerNode,
  cluster: readonly BrokerNode[],
  settings: BrokerSettings,
): Readonly<Record<string, string>> => ({
  ...COMMON,
  ...clusterSettings(cluster.length),
  'node.id': String(node.nodeId),
  'controller.quorum.voters': cluster.map((each) => `${String(each.nodeId)}@${HOST}:${String(each.controllerPort)}`).join(','),
  'log.dirs': node.dataFolder,
  ...listenerSettings(node, settings.extraListeners),
  ...settings.extraConfig,
});

const escapeKey = (key: string): string => key.replace(/[\\:= ]/g, (character) => `\\${character}`);
const escapeValue = (value: string): string =>
  value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/^ /, '\\ ');

/** Settings as the text of a Java properties file, keys in order. */
export const toProperties = (settings: Readonly<Record<string, string>>): string =>
  Object.keys(settings)
    .sort()
    .map((key) => `${escapeKey(key)}=${escapeValue(settings[key] ?? '')}\n`)
    .join('');
