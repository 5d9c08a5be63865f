import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { archiveFlags } from './class-archive.ts';
import { LocalPlatformError, messageOf } from './errors.ts';
import { brokerConfig, type BrokerNode, type BrokerSettings, toProperties } from './kafka-config.ts';
import { kafkaAnswers } from './kafka-probe.ts';
import type { Part } from './part.ts';
import { chorusHome, type InstancePaths } from './paths.ts';
import { awaitReady, launchProcess } from './processes.ts';
import type { Toolchain } from './toolchain.ts';

/** What all brokers of an instance have in common. */
export type KafkaSettings = BrokerSettings & {
  readonly heapMb: number;
  /** More flags for the JVM, for example a smaller thread stack. */
  readonly jvmFlags: readonly string[];
};

const FORMAT_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 90_000;
const CLUSTER_ID_BYTES = 16;

const run = promisify(execFile);

const LOGGING = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS',
  // Jars bring log4j's API too; without a configuration it complains on the console.
  '-Dlog4j2.level=OFF',
];

const writeAtomically = (file: string, text: string): void => {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
};

/**
 * Formatting takes a JVM two seconds, and what it writes is the same for every cluster but for the ids. So it is done
 * once into a template, and a new data folder gets a copy with its own ids.
 */
const formatTemplate = async (toolchain: Toolchain): Promise<string> => {
  const folder = join(chorusHome(), 'jars', 'kafka-format');
  const template = join(folder, 'bootstrap.checkpoint');
  if (existsSync(template)) return template;
  const scratch = `${folder}.${String(process.pid)}`;
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const node: BrokerNode = { nodeId: 1, port: 1, controllerPort: 2, extraPorts: {}, dataFolder: join(scratch, 'data') };
  const config = join(scratch, 'server.properties');
  writeFileSync(config, toProperties(brokerConfig(node, [node], { extraListeners: [], extraConfig: {} })));
  const args = ['-Xshare:auto', '-XX:TieredStopAtLevel=1', ...LOGGING, '-cp', join(toolchain.kafkaJars, '*'), 'kafka.tools.StorageTool',
    'format', '-t', newClusterId(), '-c', config];
  try {
    await run(toolchain.java, args, { timeout: FORMAT_TIMEOUT_MS });
    mkdirSync(folder, { recursive: true });
    copyFileSync(join(node.dataFolder, 'bootstrap.checkpoint'), `${template}.${String(process.pid)}`);
    renameSync(`${template}.${String(process.pid)}`, template);
  } catch (error) {
    throw new LocalPlatformError('START_FAILED', `Kafka's storage tool failed: ${messageOf(error)}`, error);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return template;
};

const newClusterId = (): string => randomBytes(CLUSTER_ID_BYTES).toString('base64url').replace(/^-/, 'A');

const clusterIdOf = (clusterFile: string): string => {
  if (existsSync(clusterFile)) return readFileSync(clusterFile, 'utf8').trim();
  const id = newClusterId();
  mkdirSync(dirname(clusterFile), { recursive: true });
  writeAtomically(clusterFile, id);
  return id;
};

/** A data folder counts as formatted when meta.properties is in it, which is therefore written last and at once. */
const format = async (node: BrokerNode, clusterFile: string, toolchain: Toolchain): Promise<void> => {
  const meta = join(node.dataFolder, 'meta.properties');
  if (existsSync(meta)) return;
  rmSync(node.dataFolder, { recursive: true, force: true });
  mkdirSync(node.dataFolder, { recursive: true });
  copyFileSync(await formatTemplate(toolchain), join(node.dataFolder, 'bootstrap.checkpoint'));
  const directoryId = newClusterId();
  writeAtomically(meta, `version=1\ncluster.id=${clusterIdOf(clusterFile)}\nnode.id=${String(node.nodeId)}\ndirectory.id=${directoryId}\n`);
};

const jvmArgs = (settings: KafkaSettings, toolchain: Toolchain, config: string): readonly string[] => [
  `-Xms${String(Math.min(256, settings.heapMb))}m`,
  `-Xmx${String(settings.heapMb)}m`,
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:+ExitOnOutOfMemoryError',
  '-Djava.awt.headless=true',
  ...LOGGING,
  ...settings.jvmFlags,
  '-cp',
  join(toolchain.kafkaJars, '*'),
  'kafka.Kafka',
  config,
];

/** One broker as a part of the platform. */
export const kafkaPart = (
  name: string,
  place: { readonly node: BrokerNode; readonly cluster: readonly BrokerNode[]; readonly paths: InstancePaths },
  using: { readonly settings: KafkaSettings; readonly toolchain: Toolchain },
): Part => {
  const { node, cluster, paths } = place;
  const address = `127.0.0.1:${String(node.port)}`;
  return {
    name,
    ports: { kafka: node.port, controller: node.controllerPort, ...node.extraPorts },
    stopSignal: 'SIGTERM',
    answers: () => kafkaAnswers([address]),
    launch: async () => {
      await format(node, join(paths.data, 'kafka-cluster-id'), using.toolchain);
      const config = join(paths.root, `${name}.properties`);
      writeAtomically(config, toProperties(brokerConfig(node, cluster, using.settings)));
      return launchProcess({
        name,
        command: using.toolchain.java,
        args: [
          ...archiveFlags({ instance: paths.instance, name }, { java: using.toolchain.java, jars: using.toolchain.kafkaJars }),
          ...jvmArgs(using.settings, using.toolchain, config),
        ],
        logFile: join(paths.logs, `${name}.log`),
        cwd: paths.root,
        stopSignal: 'SIGTERM',
      });
    },
    ready: (managed) => awaitReady(managed, () => kafkaAnswers([address]), START_TIMEOUT_MS),
  };
};
