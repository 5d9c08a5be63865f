/** Who writes: the transactional id with the producer id and epoch that its coordinator gave. */
export type ProducerIdentity = { readonly transactionalId: string; readonly producerId: number; readonly epoch: number };

/** The code of one partition in an answer that lists partitions. */
export type PartitionCode = { readonly topic: string; readonly partition: number; readonly errorCode: number };
