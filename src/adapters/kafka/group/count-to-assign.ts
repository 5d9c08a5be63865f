import { KafkaError } from '../errors.ts';
import { pauseMs } from '../pause.ts';

/** A topic created just now is known to every broker within this time; unknown for longer, it does not exist. */
const UNKNOWN_TOPIC_GRACE_MS = 1_000;
const UNKNOWN_TOPIC_PAUSE_MS = 100;

/**
 * How many partitions of a topic are shared out: none only if the topic is known not to exist. Any other failure rejects,
 * which fails the sync, and the group joins again: counted as none, the topic would have no owner, and nothing would follow.
 */
export const countToAssign = async (topic: string, partitionCount: (topic: string) => Promise<number>): Promise<number> => {
  for (const startedAtMs = performance.now(); ;) {
    try {
      return await partitionCount(topic);
    } catch (thrown) {
      if (!(thrown instanceof KafkaError && thrown.code === 'KAFKA_UNKNOWN_TOPIC')) throw thrown;
      if (performance.now() - startedAtMs >= UNKNOWN_TOPIC_GRACE_MS) return 0;
    }
    await pauseMs(UNKNOWN_TOPIC_PAUSE_MS);
  }
};
