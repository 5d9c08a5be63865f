import type { Registry } from 'prom-client';
import type { ParticipantDefinition } from '#saga-core';
import { createWorker, type ParticipantStatus, type TaskLimits } from '#saga-core/runtime';
import { type Circuits, openCircuits } from './circuits.ts';
import type { WorkerConfig } from './config.ts';
import { connect, type Connection } from './connect.ts';
import { serveWorker, type WorkerHttp } from './http.ts';
import { createPino, logOn } from './log.ts';
import { createMetrics } from './metrics.ts';
import { buildParticipants, type ParticipantName } from './participants.ts';
import type { Log } from '#saga-core/ports';

/** A running worker process, or part of one. */
export type RunningWorker = {
  readonly name: string;
  /** Address of health, metrics and admin messages; null where PORT is not set. */
  readonly url: string | null;
  readonly connection: Connection;
  readonly participants: readonly ParticipantDefinition[];
  readonly metrics: Registry;
  readonly status: () => readonly ParticipantStatus[];
  /** Drains: transactions under way end, then the groups are left. Idempotent. */
  readonly stop: () => Promise<void>;
};

export type StartWorkerOptions = {
  readonly config: WorkerConfig;
  readonly participants: readonly ParticipantName[];
  readonly logger?: Log;
  readonly limits?: Partial<TaskLimits>;
};

type Open = { readonly connection: Connection; readonly circuits: Circuits | null; readonly http: WorkerHttp | null };

const closeAll = async ({ http, circuits, connection }: Open): Promise<void> => {
  await http?.close();
  await circuits?.close();
  await connection.close();
};

/** Composes and starts a worker; resolves when every participant is live. A failed start leaves nothing open. */
export const startWorker = async (options: StartWorkerOptions): Promise<RunningWorker> => {
  const { config } = options;
  const name = `worker-${process.pid}`;
  const logger = options.logger ?? logOn(createPino({ level: config.logLevel, name: 'chorus-worker' }));
  const { kafka, registryUrl, registryAuth, namespace, autoRegister } = config;
  const connection = await connect({ kafka, registryUrl, registryAuth, namespace, autoRegister, logger });
  let open: Open = { connection, circuits: null, http: null };
  try {
    const circuits = await openCircuits(connection, name);
    open = { ...open, circuits };
    const participants = await buildParticipants(options.participants, { config, connection, circuits });
    const worker = createWorker({
      participants, log: connection.log, codec: connection.codec, clock: connection.clock, random: connection.random, namespace, name, logger,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    let isStopping = false;
    const metrics = createMetrics({ connection, worker, participants, circuits: () => circuits.all() });
    const http = config.port === null ? null : await serveWorker({ port: config.port, host: config.host, worker, metrics, isStopping: () => isStopping });
    open = { ...open, http };
    await worker.start();
    logger.info('worker is live', { worker: name, participants: options.participants.join(','), namespace, url: http?.url ?? null });
    const running = open;
    let stopping: Promise<void> | null = null;
    const stop = async (): Promise<void> => {
      isStopping = true;
      await worker.stop();
      await closeAll(running);
      logger.info('worker has left', { worker: name });
    };
    return { name, url: http?.url ?? null, connection, participants, metrics, status: () => worker.status(), stop: () => (stopping ??= stop()) };
  } catch (error) {
    await closeAll(open);
    throw error;
  }
};
