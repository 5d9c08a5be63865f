import type { CommitOutcome, EventLog, PartitionReader, TransactionalWriter } from '#saga-core/ports';
import { partitionKey } from '#saga-core/ports';
import type { InvariantId } from '#saga-core/testing';
import type { Mutant } from './world.ts';

const withWriter = (wrap: (writer: TransactionalWriter) => TransactionalWriter) => (log: EventLog): EventLog => ({ ...log, writer: (id, options) => wrap(log.writer(id, options)) });
const withReader = (wrap: (reader: PartitionReader) => PartitionReader) => (log: EventLog): EventLog => ({ ...log, reader: () => wrap(log.reader()) });

/** An unclear end counts as a good one: the task goes on as if its records lay in the log. */
const unknownIsCommitted = withWriter((writer) => ({
  ...writer,
  commit: async (transaction): Promise<CommitOutcome> => {
    const outcome = await writer.commit(transaction);
    return outcome.status === 'unknown' ? { status: 'committed', baseOffsets: new Map(transaction.records.map((record) => [partitionKey(record), 0])) } : outcome;
  },
}));

/** What a fenced writer is told is taken for success. */
const fencedIsCommitted = withWriter((writer) => ({
  ...writer,
  commit: async (transaction): Promise<CommitOutcome> => {
    const outcome = await writer.commit(transaction);
    return outcome.status === 'fenced' ? { status: 'committed', baseOffsets: new Map(transaction.records.map((record) => [partitionKey(record), 0])) } : outcome;
  },
}));

/** The first batch claims to reach to the end: the task decides before it has read its own claim. */
const decidesTooEarly = withReader((reader) => ({
  subscribe: (from, handler) => {
    let isFirst = true;
    return reader.subscribe(from, {
      ...handler,
      onBatch: (batch) => {
        const nextOffset = isFirst ? batch.highWatermark + 1_000 : batch.nextOffset;
        isFirst = false;
        return handler.onBatch({ ...batch, nextOffset });
      },
    });
  },
}));

/** The position read counts as the watermark: open instances before it are forgotten by the next owner. */
const watermarkIsPosition = (log: EventLog): EventLog => ({
  ...log,
  committedPosition: async (group, partition) => {
    const position = await log.committedPosition(group, partition);
    return position === null ? null : { ...position, metadata: JSON.stringify({ watermark: position.offset }) };
  },
});

/** Every command is handled twice: entities rely on the position in their own transaction, nothing else protects them. */
const commandsTwice = withReader((reader) => ({
  subscribe: (from, handler) =>
    reader.subscribe(from, !from.topic.endsWith('.commands') ? handler : { ...handler, onBatch: (batch) => handler.onBatch({ ...batch, records: batch.records.flatMap((record) => [record, record]) }) }),
}));

export type Planted = { readonly name: string; readonly mutant: Mutant; /** One of these at least must be reported. */ readonly seenAs: readonly InvariantId[] };

export const mutants: readonly Planted[] = [
  { name: 'a log that does not fence', mutant: { broker: { withoutFencing: true } }, seenAs: ['I1', 'I2', 'CHAIN'] },
  { name: 'a log that delivers aborted records', mutant: { broker: { withoutAbortFilter: true } }, seenAs: ['I1', 'I8', 'I9', 'CHAIN'] },
  { name: 'an unclear end of a transaction treated as committed', mutant: { log: unknownIsCommitted }, seenAs: ['I9', 'CHAIN'] },
  { name: 'a fenced end of a transaction treated as committed', mutant: { log: fencedIsCommitted }, seenAs: ['I5', 'I9', 'CHAIN'] },
  { name: 'deciding before the own claim is read', mutant: { log: decidesTooEarly }, seenAs: ['I1', 'I2', 'I5', 'I9', 'CHAIN'] },
  { name: 'commands of entities delivered twice', mutant: { log: commandsTwice }, seenAs: ['I6'] },
  { name: 'a watermark that passes open instances', mutant: { log: watermarkIsPosition }, seenAs: ['I9'] },
  {
    name: 'a vendor that is not idempotent behind a step that says it is',
    mutant: { vendor: (vendor) => ({ ...vendor, execute: vendor.executeBlindly, lookUp: async () => 'absent' }) },
    seenAs: ['I5'],
  },
  {
    name: 'an undo that is reported but not done',
    mutant: { vendor: (vendor) => ({ ...vendor, undo: async () => 'undone' }) },
    seenAs: ['I5'],
  },
];
