import { type Cancel, partitionKey, type PartitionReader, type ReadBatch, type ReadErrorCode, type ReadHandler, type Subscription, type TopicPartition } from '#saga-core/ports';
import type { SimulatedProcess } from '../simulated-process.ts';
import type { Broker } from './broker.ts';

type FetchAnswer =
  | { readonly code: 'NONE'; readonly batch: ReadBatch; readonly topicId: number }
  | { readonly code: ReadErrorCode; readonly message: string };

type FetchFrom = TopicPartition & { readonly offset: number; readonly topicId: number | null };

/** What the broker answers to one fetch. An offset may lie at the very end, not beyond it. */
const serveFetch = (broker: Broker, from: FetchFrom): FetchAnswer => {
  const topic = broker.topics.find(from.topic);
  const log = topic?.partitions[from.partition];
  if (topic === null || log === undefined) return { code: 'TOPIC_DELETED', message: `${partitionKey(from)} does not exist` };
  if (from.topicId !== null && topic.id !== from.topicId) return { code: 'TOPIC_RECREATED', message: `${from.topic} was deleted and created again: its offsets mean something else now` };
  const logStartOffset = log.logStartOffset();
  const highWatermark = log.highWatermark();
  if (from.offset < logStartOffset || from.offset > highWatermark) {
    return { code: 'OFFSET_OUT_OF_RANGE', message: `${partitionKey(from)} holds offsets ${logStartOffset} to ${highWatermark}, not ${from.offset}` };
  }
  const { records, nextOffset } = log.readCommitted(from.offset, broker.fetchEntryCountMax);
  return { code: 'NONE', topicId: topic.id, batch: { records, nextOffset, lastStableOffset: log.lastStableOffset(), highWatermark, logStartOffset } };
};

/** How often an idle long poll is renewed; news cut it short. */
const LONG_POLL_MS = 2_000;
const RETRY_MS = 20;

type Loop = { readonly broker: Broker; readonly process: SimulatedProcess; readonly from: TopicPartition & { readonly offset: number }; readonly handler: ReadHandler };

/** Reads one partition until it is closed or cannot go on: one fetch at a time, none while the handler is busy. */
const startLoop = ({ broker, process, from, handler }: Loop): Subscription => {
  let position: FetchFrom = { ...from, topicId: null };
  let isClosed = false;
  let wake: () => void = () => undefined;
  let stopListening: Cancel = () => undefined;
  const close = (): void => {
    isClosed = true;
    stopListening();
    wake();
  };
  /** The broker answers a long poll when the last stable offset or the topic moves, or when its time is over. */
  const serveLongPoll = (): FetchAnswer | Promise<FetchAnswer> => {
    const now = serveFetch(broker, position);
    const isNews = now.code !== 'NONE' || now.batch.nextOffset > position.offset || position.topicId === null;
    const log = broker.topics.partition(position);
    if (isNews || log === null || isClosed) return now;
    return new Promise((resolve) => {
      const answer = (): void => {
        stop();
        resolve(serveFetch(broker, position));
      };
      const stops = [log.onChange(() => void (log.lastStableOffset() > position.offset && answer())), broker.topics.onChange(answer), broker.clock.after(LONG_POLL_MS, answer)];
      const stop = (): void => stops.forEach((end) => end());
      stopListening = answer;
    });
  };
  const pause = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
      process.clock.after(delayMs, resolve);
    });
  const run = async (): Promise<void> => {
    while (!isClosed) {
      const reply = await broker.network.request({
        kind: 'fetch', subject: partitionKey(from), from: process, timeoutMs: LONG_POLL_MS + broker.requestTimeoutMs, serve: serveLongPoll,
      });
      if (isClosed) return;
      if (reply.status === 'lost') {
        await pause(RETRY_MS);
        continue;
      }
      const { answer } = reply;
      if (answer.code !== 'NONE') {
        close();
        return handler.onError({ topic: from.topic, partition: from.partition, code: answer.code, message: answer.message, offset: position.offset });
      }
      const isNews = answer.batch.nextOffset > position.offset;
      position = { ...position, offset: answer.batch.nextOffset, topicId: answer.topicId };
      if (isNews) await handler.onBatch(answer.batch);
    }
  };
  void run();
  return { close };
};

/** Read-committed reading on one simulated process; `onOpen` hands out each subscription for the closing of all. */
export const createMemoryReader = (broker: Broker, process: SimulatedProcess, onOpen: (subscription: Subscription) => void): PartitionReader => ({
  subscribe: (from, handler) => {
    const subscription = startLoop({ broker, process, from, handler });
    onOpen(subscription);
    return subscription;
  },
});
