import type { EventLog, Log, Membership, TransactionalWriter } from '#saga-core/ports';
import { ClusterView } from './cluster.ts';
import { fetchCommittedPosition } from './committed-position.ts';
import type { KafkaConfig } from './config.ts';
import { CODE, codeName, NOT_AUTHORISED } from './error-codes.ts';
import { KafkaError } from './errors.ts';
import { checkGroupRights } from './group/group-rights.ts';
import { joinGroup } from './group/membership.ts';
import { listOffset } from './list-offset.ts';
import { EARLIEST, LATEST } from './protocol/list-offsets-v7.ts';
import { KafkaPartitionReader } from './reader/partition-reader.ts';
import { KafkaTransactionalWriter } from './writer/transactional-writer.ts';

const TRANSACTION_TIMEOUT_MS = 5_000;

export type KafkaEventLogOptions = KafkaConfig & {
  /** `classic` keeps to the transaction protocol before KIP-890 although the broker offers v2. Default `auto`. */
  readonly transactionProtocol?: 'auto' | 'classic';
  /** Told of what this adapter retries by itself and somebody should know of, for example a group that cannot be joined. Default silence. */
  readonly logger?: Pick<Log, 'warn'>;
};

/**
 * The log on a Kafka cluster. Nothing connects before the first use. One reader serves the whole process; every writer has
 * connections of its own. `close` ends commits under way, then everything else.
 */
export const createKafkaEventLog = (options: KafkaEventLogOptions): EventLog => {
  const cluster = new ClusterView(options);
  const writers = new Set<TransactionalWriter>();
  const memberships = new Set<Membership>();
  let reader: KafkaPartitionReader | undefined;
  const warn = (message: string): void => options.logger?.warn(message, { clientId: options.clientId });

  const partitionCount = async (topic: string, maxAgeMs: number = Infinity): Promise<number> => {
    const view = await cluster.topic(topic, maxAgeMs);
    if (view.errorCode === CODE.NONE) return view.partitions.size;
    if (NOT_AUTHORISED.has(view.errorCode)) throw new KafkaError('KAFKA_NOT_AUTHORISED', `topic ${topic}: ${codeName(view.errorCode)}: grant DESCRIBE on the topic`, { brokerCode: view.errorCode });
    const code = view.errorCode === CODE.UNKNOWN_TOPIC_OR_PARTITION ? 'KAFKA_UNKNOWN_TOPIC' : 'KAFKA_REFUSED';
    throw new KafkaError(code, `topic ${topic}: ${codeName(view.errorCode)}`, { brokerCode: view.errorCode });
  };

  return {
    writer: (transactionalId, { transactionTimeoutMs = TRANSACTION_TIMEOUT_MS, commitTimeoutMs, longOpen } = {}) => {
      const writer: TransactionalWriter = new KafkaTransactionalWriter(cluster, {
        transactionalId, transactionTimeoutMs, commitTimeoutMs, longOpen, protocol: options.transactionProtocol ?? 'auto', onClosed: () => writers.delete(writer),
      });
      writers.add(writer);
      return writer;
    },
    reader: () => {
      reader ??= new KafkaPartitionReader(cluster, warn);
      return reader;
    },
    join: async (group, listener) => {
      const membership = await joinGroup({
        config: options, group, listener, partitionCount: (topic) => partitionCount(topic, 0),
        checkRights: () => checkGroupRights(cluster, group.group), warn,
      });
      memberships.add(membership);
      return membership;
    },
    committedPosition: (group, partition) => fetchCommittedPosition(cluster, group, partition),
    logStartOffset: (partition) => listOffset(cluster, partition, EARLIEST),
    endOffset: (partition) => listOffset(cluster, partition, LATEST),
    partitionCount: (topic) => partitionCount(topic),
    close: async () => {
      await Promise.all([...memberships].map((membership) => membership.leave()));
      await Promise.all([...writers].map((writer) => writer.close()));
      reader?.close();
      cluster.close();
    },
  };
};
