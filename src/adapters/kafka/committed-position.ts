import type { Position, TopicPartition } from '#saga-core/ports';
import type { ClusterView } from './cluster.ts';
import { CODE, codeName } from './error-codes.ts';
import { KafkaError } from './errors.ts';
import { offsetFetchV7 } from './protocol/offset-fetch-v7.ts';

/** Longer than a transaction of ours can stay open with nobody to fence it. */
const DEADLINE_MS = 30_000;

/** OffsetFetch with requireStable: while a transaction that carries a position of the group is open, the broker refuses and we ask again. */
export const fetchCommittedPosition = async (cluster: ClusterView, group: string, { topic, partition }: TopicPartition): Promise<Position | null> => {
  const answer = await cluster.askCoordinator(
    { type: 'group', key: group, deadlineMs: performance.now() + DEADLINE_MS },
    offsetFetchV7(group, topic, partition),
    ({ errorCode, offsets }) => (errorCode !== CODE.NONE ? errorCode : offsets[0]?.errorCode ?? CODE.NONE),
  );
  const found = answer.offsets[0];
  const code = answer.errorCode !== CODE.NONE ? answer.errorCode : found?.errorCode ?? CODE.NONE;
  if (code !== CODE.NONE) {
    throw new KafkaError('KAFKA_REFUSED', `position of group ${group} on ${topic}/${partition}: ${codeName(code)}`, { brokerCode: code });
  }
  return found === undefined || found.offset < 0 ? null : { topic, partition, offset: found.offset, metadata: found.metadata };
};
