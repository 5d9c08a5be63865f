import type { Assignment } from '#saga-core/ports';
import { createMemoryCluster, createSimulatedClock, createSimulatedRandom, type SimulatedClock } from '#saga-core/testing';
import { type EventLogStage, memberLog } from './stage.ts';

const PATIENCE_MS = 60_000;
const POLL_MS = 5;
/** A test that is still waiting after so much virtual time waits for something that never comes. */
const VIRTUAL_LIFE_MS = 600_000;

/** Lets virtual time run by itself while a test awaits. */
const startPump = (clock: SimulatedClock): (() => Promise<void>) => {
  let isStopped = false;
  const pumping = (async () => {
    while (!isStopped && clock.monotonicMillis() < VIRTUAL_LIFE_MS) {
      await clock.runUntil(() => isStopped, 1_000);
    }
  })();
  return async () => {
    isStopped = true;
    await pumping;
  };
};

/** The in-memory log on virtual time, seeded. */
export const makeMemoryStage = (seed: number) => async (): Promise<EventLogStage> => {
  const clock = createSimulatedClock({ nowMillis: Date.UTC(2026, 0, 5, 14, 30) });
  const cluster = createMemoryCluster({ clock, random: createSimulatedRandom(seed) });
  const stopPump = startPump(clock);
  const topicOptions = new Map<string, { readonly partitionCount: number; readonly cleanup: 'delete' | 'compact' }>();
  let count = 0;
  const unique = (prefix: string): string => `${prefix}-${++count}`;
  return {
    connect: () => cluster.connect(unique('client')).log,
    createTopic: async ({ partitionCount = 1, isCompacted = false } = {}) => {
      const name = unique('topic');
      topicOptions.set(name, { partitionCount, cleanup: isCompacted ? 'compact' : 'delete' });
      cluster.createTopic({ name, partitionCount, cleanup: isCompacted ? 'compact' : 'delete' });
      return name;
    },
    deleteTopic: async (name) => cluster.deleteTopic(name),
    recreateTopic: async (name) => cluster.createTopic({ name, ...(topicOptions.get(name) ?? { partitionCount: 1 }) }),
    deleteRecordsBefore: async (partition, offset) => cluster.deleteRecordsBefore(partition, offset),
    openTransaction: async (transactionalId, transaction) => cluster.openTransaction(transactionalId, transaction),
    joinVictim: async (group) => {
      const { log, process } = cluster.connect(unique('victim'));
      const member = memberLog();
      await log.join(group, member.listener);
      return { assignment: (): Assignment | null => member.assignments.at(-1) ?? null, kill: async () => process.kill() };
    },
    eventually: async (condition, what) => {
      const untilMs = clock.monotonicMillis() + PATIENCE_MS;
      while (!condition()) {
        if (clock.monotonicMillis() > untilMs) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
        await new Promise<void>((resolve) => void clock.after(POLL_MS, resolve));
      }
    },
    nowMillis: clock.nowMillis,
    unique,
    close: stopPump,
  };
};
