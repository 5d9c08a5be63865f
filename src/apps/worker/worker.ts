import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Registry } from 'prom-client';
import type { ParticipantDefinition } from '#saga-core';
import { createWorker, type ParticipantStatus, type TaskLimits, type Worker } from '#saga-core/runtime';
import { type Circuits, openCircuits } from './circuits.ts';
import type { WorkerConfig } from './config.ts';
import { connect, type Connection } from './connect.ts';
import { serveWorker } from './http.ts';
import type { HttpServer } from './http-server.ts';
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
  /** Drains: calls under way are awaited (`limits.drainTimeoutMs`), their answers committed, then the groups are left. Idempotent. */
  readonly stop: () => Promise<void>;
};

export type StartWorkerOptions = {
  readonly config: WorkerConfig;
  readonly participants: readonly ParticipantName[];
  readonly logger?: Log;
  readonly limits?: Partial<TaskLimits>;
};

const HOST_CHARACTERS_MAX = 63;
const NAME_BYTES = 4;

type Open = { readonly connection: Connection; readonly circuits: Circuits | null; readonly worker: Worker | null; readonly http: HttpServer | null };

const closeAll = async ({ http, worker, circuits, connection }: Open): Promise<void> => {
  // Before its HTTP: a worker that drains is asked how it is doing.
  await worker?.stop();
  await http?.close();
  await circuits?.close();
  await connection.close();
};

/** Who this process is among all that ever ran: in containers neither pid nor, at times, host name tells one from its successor. */
const newWorkerName = (): string => `${hostname().slice(0, HOST_CHARACTERS_MAX)}-${process.pid}-${randomBytes(NAME_BYTES).toString('hex')}`;

/** Composes and starts a worker; resolves when every participant is live. A failed start leaves nothing open. */
export const startWorker = async (options: StartWorkerOptions): Promise<RunningWorker> => {
  const { config } = options;
  const name = newWorkerName();
  const logger = options.logger ?? logOn(createPino({ level: config.logLevel, name: 'chorus-worker' }));
  const { kafka, registryUrl, registryAuth, namespace, autoRegister } = config;
  const connection = await connect({ kafka, registryUrl, registryAuth, namespace, autoRegister, logger });
  let open: Open = { connection, circuits: null, worker: null, http: null };
  try {
    const circuits = await openCircuits(connection, name);
    open = { ...open, circuits };
    const participants = await buildParticipants(options.participants, { config, connection, circuits });
    const worker = createWorker({
      participants, log: connection.log, codec: connection.codec, clock: connection.clock, random: connection.random, namespace, name, logger,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    open = { ...open, worker };
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
      await closeAll(running);
      logger.info('worker has left', { worker: name });
    };
    return { name, url: http?.url ?? null, connection, participants, metrics, status: () => worker.status(), stop: () => (stopping ??= stop()) };
  } catch (error) {
    await closeAll(open);
    throw error;
  }
};
