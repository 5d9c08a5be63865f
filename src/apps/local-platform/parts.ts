import { databasePart, databaseUrl } from './database.ts';
import type { Addresses } from './environment.ts';
import { addressIn, brokerList } from './environment.ts';
import { kafkaPart } from './kafka.ts';
import type { BrokerNode } from './kafka-config.ts';
import { ALL_PARTS, DEFAULT_HEAP_MB, type LocalPlatformOptions, type PlatformPart } from './options.ts';
import type { Part } from './part.ts';
import type { InstancePaths } from './paths.ts';
import { isRunning } from './process-identity.ts';
import { choosePort } from './ports.ts';
import { registryPart, registryUrl } from './registry.ts';
import type { InstanceState } from './state.ts';
import { findToolchain } from './toolchain.ts';
import { join } from 'node:path';

/** The parts to run here, and the addresses of all, those of the environment included. */
export type Plan = {
  readonly parts: readonly Part[];
  readonly addresses: Addresses;
  readonly listeners: Readonly<Record<string, readonly string[]>>;
};

type Planning = { readonly options: LocalPlatformOptions; readonly paths: InstancePaths; readonly state: InstanceState };

/** Which parts were asked for and are not named by the environment. */
export const localParts = (options: LocalPlatformOptions): readonly PlatformPart[] =>
  (options.parts ?? ALL_PARTS).filter((part) => addressIn(options.environment ?? process.env, part) === undefined);

/** A port of a part: that of its running process, else the asked, remembered or a free one. */
const portOf = async (planning: Planning, part: string, key: string): Promise<number> => {
  const { state, options } = planning;
  const running = state.parts[part];
  const present = running !== undefined && isRunning(running.identity) ? running.ports[key] : undefined;
  const asked = ALL_PARTS.find((each) => each === part && each === key);
  const wanted = asked === undefined ? undefined : options.ports?.[asked];
  if (present !== undefined && (wanted === undefined || wanted === present)) return present;
  return choosePort({ part, asked: wanted, remembered: state.ports[`${part}.${key}`] });
};

const planBrokers = async (planning: Planning): Promise<readonly BrokerNode[]> => {
  const { options, paths } = planning;
  const count = options.brokers ?? 1;
  const nodes: BrokerNode[] = [];
  for (let nodeId = 1; nodeId <= count; nodeId += 1) {
    const name = brokerName(nodeId, count);
    const extraPorts: Record<string, number> = {};
    for (const listener of options.kafka?.extraListeners ?? []) {
      extraPorts[listener.name] = await portOf(planning, name, listener.name);
    }
    nodes.push({
      nodeId,
      port: await portOf(planning, name, 'kafka'),
      controllerPort: await portOf(planning, name, 'controller'),
      extraPorts,
      dataFolder: join(paths.data, name),
    });
  }
  return nodes;
};

const brokerName = (nodeId: number, count: number): string => (count === 1 ? 'kafka' : `kafka-${String(nodeId)}`);

const kafkaParts = (planning: Planning, cluster: readonly BrokerNode[]): readonly Part[] => {
  const { options, paths } = planning;
  const toolchain = findToolchain();
  const settings = {
    heapMb: options.kafka?.heapMb ?? DEFAULT_HEAP_MB,
    jvmFlags: options.kafka?.jvmFlags ?? [],
    extraConfig: options.kafka?.extraConfig ?? {},
    extraListeners: options.kafka?.extraListeners ?? [],
  };
  return cluster.map((node) => kafkaPart(brokerName(node.nodeId, cluster.length), { node, cluster, paths }, { settings, toolchain }));
};

const listenersOf = (cluster: readonly BrokerNode[]): Record<string, readonly string[]> => {
  const names = Object.keys(cluster[0]?.extraPorts ?? {});
  return Object.fromEntries(names.map((name) => [name, cluster.map((node) => `127.0.0.1:${String(node.extraPorts[name] ?? 0)}`)]));
};

/** Decides ports and makes the parts; starts nothing. */
export const planParts = async (planning: Planning): Promise<Plan> => {
  const environment = planning.options.environment ?? process.env;
  const wanted = localParts(planning.options);
  const parts: Part[] = [];
  let kafka = brokerList(addressIn(environment, 'kafka') ?? '');
  let registry = addressIn(environment, 'registry') ?? '';
  let database = addressIn(environment, 'database') ?? '';
  let listeners: Record<string, readonly string[]> = {};
  if (wanted.includes('kafka')) {
    const cluster = await planBrokers(planning);
    parts.push(...kafkaParts(planning, cluster));
    kafka = cluster.map((node) => `127.0.0.1:${String(node.port)}`);
    listeners = listenersOf(cluster);
  }
  if (wanted.includes('registry')) {
    const port = await portOf(planning, 'registry', 'registry');
    parts.push(registryPart(port, planning.paths, findToolchain()));
    registry = registryUrl(port);
  }
  if (wanted.includes('database')) {
    const port = await portOf(planning, 'database', 'database');
    parts.push(databasePart(port, planning.paths));
    database = databaseUrl(port);
  }
  return { parts, addresses: { kafka, registry, database }, listeners };
};
