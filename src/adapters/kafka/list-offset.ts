import type { TopicPartition } from '#saga-core/ports';
import type { ClusterView } from './cluster.ts';
import { CODE, codeName, TRY_AGAIN } from './error-codes.ts';
import { isLostAnswer, KafkaError } from './errors.ts';
import { pauseMs } from './pause.ts';
import { listOffsetsV7 } from './protocol/list-offsets-v7.ts';

const DEADLINE_MS = 15_000;
const UNKNOWN_TOPIC_GRACE_MS = 2_000;
const RETRY_PAUSE_MS = 20;

/** Log start, end, or the first offset at a time, asked of the leader. Rejects with KAFKA_UNKNOWN_TOPIC or the last failure. */
export const listOffset = async (cluster: ClusterView, { topic, partition }: TopicPartition, timestamp: number): Promise<number> => {
  const startedAtMs = performance.now();
  let last: KafkaError = new KafkaError('KAFKA_REFUSED', `no leader of ${topic}/${partition}`);
  while (performance.now() - startedAtMs < DEADLINE_MS) {
    try {
      const leader = await cluster.leader(topic, partition);
      if (leader === null) last = new KafkaError('KAFKA_REFUSED', `no leader of ${topic}/${partition}`, { brokerCode: CODE.UNKNOWN_TOPIC_OR_PARTITION });
      else {
        const [answer] = await cluster.ask(listOffsetsV7([{ topic, partition, timestamp }]), leader.leader);
        if (answer?.errorCode === CODE.NONE) return answer.offset;
        const code = answer?.errorCode ?? CODE.UNKNOWN_SERVER_ERROR;
        last = new KafkaError('KAFKA_REFUSED', `offsets of ${topic}/${partition}: ${codeName(code)}`, { brokerCode: code });
        if (!TRY_AGAIN.has(code)) throw last;
      }
      if (last.brokerCode === CODE.UNKNOWN_TOPIC_OR_PARTITION && performance.now() - startedAtMs > UNKNOWN_TOPIC_GRACE_MS) {
        throw new KafkaError('KAFKA_UNKNOWN_TOPIC', `${topic}/${partition} does not exist`);
      }
    } catch (thrown) {
      if (!isLostAnswer(thrown) || cluster.isClosed) throw thrown;
      last = thrown as KafkaError;
    }
    await cluster.refreshTopics([topic]).catch(() => undefined);
    await pauseMs(RETRY_PAUSE_MS);
  }
  throw last;
};
