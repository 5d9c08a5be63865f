import { Counter, Gauge, Registry } from 'prom-client';
import type { ParticipantDefinition } from '#saga-core';
import type { TopicPartition } from '#saga-core/ports';
import { catalogueOf, type Counters, type Worker } from '#saga-core/runtime';
import type { Connection } from './connect.ts';

const COUNTERS: Readonly<Record<Exclude<keyof Counters, 'inFlight'>, string>> = {
  triggered: 'Steps begun',
  completed: 'Steps completed',
  failed: 'Steps failed',
  retries: 'Attempts that failed and are repeated',
  compensated: 'Steps compensated',
  quarantined: 'Compensations that wait for a person',
  duplicates: 'Repeated starts that began nothing',
  refused: 'Starts and records that did not apply',
  sagasStarted: 'Sagas begun by this participant',
  sagasCompleted: 'Sagas ended completed',
  sagasFailed: 'Sagas ended failed',
  transactions: 'Transactions committed',
  longTransactions: 'Transactions open for so long that readers of their partitions waited',
  deadLetters: 'Records put into dead letters',
  takeovers: 'Partitions taken over',
  forgotten: 'Ids of ended sagas forgotten before their time, since there were too many',
};
const isCounter = (name: string): name is keyof typeof COUNTERS => Object.hasOwn(COUNTERS, name);
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export type MetricsOptions = {
  readonly connection: Connection;
  readonly worker: Worker;
  readonly participants: readonly ParticipantDefinition[];
  /** 0 closed, 1 half open, 2 open, by endpoint. */
  readonly circuits: () => readonly { readonly endpoint: string; readonly credential: string; readonly state: () => 'CLOSED' | 'OPEN' | 'HALF_OPEN' }[];
  /** An embedder's own; default a new one. */
  readonly registry?: Registry;
};

/** Partitions that a participant's group reads, all of them: whoever owns them, the group's lag is the same. */
const topicsRead = (participant: ParticipantDefinition, { names }: Connection): readonly string[] => [
  ...catalogueOf(participant).contexts.map((context) => names.saga(context)),
  ...participant.entities.map((entity) => names.commands(entity.name)),
  ...participant.sources.map((source) => names.facts(source.topic)),
];

/** Records between the group's committed position and the end of the log. Transaction markers count too. */
export const groupLag = async (participant: ParticipantDefinition, connection: Connection): Promise<number> => {
  const { log, names } = connection;
  const group = names.group(participant.name);
  const lagOf = async (partition: TopicPartition): Promise<number> => {
    const [position, end] = await Promise.all([log.committedPosition(group, partition), log.endOffset(partition)]);
    return position === null ? end - (await log.logStartOffset(partition)) : Math.max(0, end - position.offset);
  };
  const partitions = (await Promise.all(topicsRead(participant, connection).map(async (topic) => {
    const count = await log.partitionCount(topic);
    return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
  }))).flat();
  const lags = await Promise.all(partitions.map(lagOf));
  return lags.reduce((sum, lag) => sum + lag, 0);
};

const CIRCUIT_LEVEL = { CLOSED: 0, HALF_OPEN: 1, OPEN: 2 } as const;

/** The worker's figures for Prometheus, read from the worker when they are asked for. */
export const createMetrics = (options: MetricsOptions): Registry => {
  const { worker, participants, connection } = options;
  const registry = options.registry ?? new Registry();
  const registers = [registry];
  const labelNames = ['participant'] as const;
  for (const name of Object.keys(COUNTERS).filter(isCounter)) {
    new Counter({
      name: `chorus_${snake(name)}_total`, help: COUNTERS[name], labelNames, registers,
      collect() {
        this.reset();
        for (const { participant, counters } of worker.status()) this.inc({ participant }, counters[name]);
      },
    });
  }
  const gauge = (name: string, help: string, read: (status: ReturnType<Worker['status']>[number]) => number): void => {
    new Gauge({
      name: `chorus_${name}`, help, labelNames, registers,
      collect() {
        for (const status of worker.status()) this.set({ participant: status.participant }, read(status));
      },
    });
  };
  gauge('open_instances', 'Saga instances that have not ended', ({ openInstances }) => openInstances);
  gauge('effects_in_flight', 'Calls to the outside under way', ({ counters }) => counters.inFlight);
  gauge('tasks', 'Partitions owned', ({ tasks }) => tasks);
  gauge('live_tasks', 'Partitions owned and taken over', ({ liveTasks }) => liveTasks);
  gauge('refused_tasks', 'Partitions that wait for a person, since what they need was deleted', ({ refusals }) => refusals.length);
  gauge('draining_tasks', 'Partitions whose last calls are awaited before they are given up', ({ drainingTasks }) => drainingTasks);
  new Gauge({
    name: 'chorus_group_lag_records', help: 'Records between the group’s committed position and the end of its topics', labelNames, registers,
    async collect() {
      await Promise.all(participants.map(async (participant) => this.set({ participant: participant.name }, await groupLag(participant, connection))));
    },
  });
  new Gauge({
    name: 'chorus_circuit_state', help: 'Circuit breaker: 0 closed, 1 half open, 2 open', labelNames: ['endpoint', 'credential'] as const, registers,
    collect() {
      for (const { endpoint, credential, state } of options.circuits()) this.set({ endpoint, credential }, CIRCUIT_LEVEL[state()]);
    },
  });
  return registry;
};
