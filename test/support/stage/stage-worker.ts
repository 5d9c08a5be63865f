// A worker as src/apps/worker composes it, in the test's process, with a name and (where asked for) a clock of its circuits of its own.
import type { CircuitBreaker } from '#adapters/circuit-breaker';
import { buildParticipants, connect, type Connection, openCircuits, type ParticipantName, type WorkerConfig } from '#apps/worker';
import type { Clock, Log } from '#saga-core/ports';
import { createWorker, type ParticipantStatus } from '#saga-core/runtime';

export type StageWorkerOptions = {
  readonly config: WorkerConfig;
  readonly name: string;
  readonly participants: readonly ParticipantName[];
  readonly logger: Log;
  /** Time of the circuits alone; default: the host's. */
  readonly circuitClock?: Clock;
};

export type StageWorker = {
  readonly name: string;
  readonly connection: Connection;
  readonly circuits: () => readonly CircuitBreaker[];
  readonly status: () => readonly ParticipantStatus[];
  readonly stop: () => Promise<void>;
};

/** Resolves when every participant is live. */
export const startStageWorker = async ({ config, name, participants, logger, circuitClock }: StageWorkerOptions): Promise<StageWorker> => {
  const { kafka, registryUrl, registryAuth, namespace, autoRegister } = config;
  const connection = await connect({ kafka, registryUrl, registryAuth, namespace, autoRegister, logger });
  const circuits = await openCircuits(circuitClock === undefined ? connection : { ...connection, clock: circuitClock }, name);
  const { log, codec, clock, random } = connection;
  const worker = createWorker({ participants: await buildParticipants(participants, { config, connection, circuits }), log, codec, clock, random, namespace, name, logger });
  await worker.start();
  const stop = async (): Promise<void> => {
    await worker.stop();
    await circuits.close();
    await connection.close();
  };
  return { name, connection, circuits: () => circuits.all(), status: () => worker.status(), stop };
};
