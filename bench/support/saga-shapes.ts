import type { LogRecord } from '#saga-core/ports';
import { topicNames } from '#saga-core/runtime';
import type { ChainShape, Hop } from '../adapter-raw.ts';
import { OWNERS, runOne, type Stage } from './run-sagas.ts';

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('utf8');

/** `record` is of a saga: its writer's place among the owners, -1 for the client that started it. */
const hopOf = ({ key, value, headers }: LogRecord): Hop => ({
  group: OWNERS.indexOf(text(headers['producer'])), key: text(key), value: Buffer.from(value ?? []),
  headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, text(bytes)])),
});

/** The records of one saga, once its last one is read. */
const shapeOf = (stage: Stage, correlationId: string): Promise<ChainShape> => new Promise((resolve, reject) => {
  const topic = topicNames(stage.namespace).saga('bench');
  const hops: Hop[] = [];
  const subscriptions = Array.from({ length: stage.partitions }, (_, partition) => stage.log.reader().subscribe({ topic, partition, offset: 0 }, {
    onBatch: ({ records }) => {
      for (const record of records) if (text(record.headers['correlation-id']) === correlationId) hops.push(hopOf(record));
      const last = hops.at(-1)?.headers['event-type'];
      if (last !== 'chorus.SagaCompleted' && last !== 'chorus.SagaFailed') return;
      for (const subscription of subscriptions) subscription.close();
      resolve(hops);
    },
    onError: ({ message }) => reject(new Error(message)),
  }));
});

/** What the raw limit is to read and write: the records of sagas like those that are measured, every tenth of which fails. */
export const sagaShapes = async (stage: Stage): Promise<readonly ChainShape[]> => {
  const done = await shapeOf(stage, (await runOne(stage, false)).correlationId);
  const failed = await shapeOf(stage, (await runOne(stage, true)).correlationId);
  return [...Array.from({ length: 9 }, () => done), failed];
};
