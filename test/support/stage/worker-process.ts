// A worker in a process of its own, started as people start it (`chorus worker`), for tests that kill it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ParticipantName, WorkerConfig } from '#apps/worker';
import { type Lane, secretsOf } from './lane.ts';

const MAIN = fileURLToPath(new URL('../../../src/apps/cli/main.ts', import.meta.url));
const LIVE_LIMIT_MS = 120_000;

export type WorkerProcess = {
  /** As `kill -9` ends it; resolves when it is gone. */
  readonly kill: () => Promise<void>;
};

const environmentOf = (config: WorkerConfig, lanes: readonly Lane[], file: string): NodeJS.ProcessEnv => ({
  ...process.env, NODE_OPTIONS: '', KAFKA_BROKERS: config.kafka.brokers.join(','), SCHEMA_REGISTRY_URL: config.registryUrl, CHORUS_NAMESPACE: config.namespace, CHORUS_CONFIG: file,
  LOG_LEVEL: 'warn', ...secretsOf(lanes),
});

/** The first line that it writes tells that its participants are live. */
const live = async (child: ChildProcess, errors: readonly string[]): Promise<void> => {
  if (child.stdout === null) throw new Error('the worker has no standard output');
  const lines = createInterface({ input: child.stdout });
  const told = await Promise.race([
    once(lines, 'line').then(() => 'live'),
    once(child, 'exit').then(([code]) => `ended with ${String(code)}`),
    once(AbortSignal.timeout(LIVE_LIMIT_MS), 'abort').then(() => `not live within ${LIVE_LIMIT_MS} ms`),
  ]);
  if (told !== 'live') throw new Error(`worker process: ${told}\n${errors.join('')}`);
};

/** Resolves when the participants are live. */
export const startWorkerProcess = async (config: WorkerConfig, lanes: readonly Lane[], participants: readonly ParticipantName[]): Promise<WorkerProcess> => {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-worker-'));
  const file = join(folder, 'config.json');
  const connections = config.brokers.map(({ brokerConnectionId, orderSafety: _orderSafety, ...broker }) => ({ id: brokerConnectionId, ...broker }));
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ connections }));
  const args = ['--conditions=chorus:source', '--disable-warning=ExperimentalWarning', MAIN, 'worker', '--participants', participants.join(',')];
  const child = spawn(process.execPath, args, { env: environmentOf(config, lanes, file), stdio: ['ignore', 'pipe', 'pipe'] });
  const errors: string[] = [];
  child.stderr.on('data', (text: Buffer) => void errors.push(text.toString()));
  const kill = async (): Promise<void> => {
    rmSync(folder, { recursive: true, force: true });
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  try {
    await live(child, errors);
    return { kill };
  } catch (error) {
    await kill();
    throw error;
  }
};
