import { type AuditedRecord, type History, keyOfRecord, type Violation } from './audited.ts';
import type { Ledger } from './ledger.ts';

/** I8, first half: all records of a correlationId within a topic lie on one partition. */
export const checkPartitions = (records: readonly AuditedRecord[]): readonly Violation[] => {
  const places = new Map<string, number>();
  const found: Violation[] = [];
  for (const { topic, partition, offset, type, envelope } of records) {
    if (envelope.correlationId === null) continue;
    const place = `${topic} ${envelope.correlationId}`;
    const known = places.get(place) ?? partition;
    places.set(place, known);
    if (known !== partition) found.push({ invariant: 'I8', instance: envelope.correlationId, message: `${type} at ${topic}/${partition} offset ${offset}, the others lie on partition ${known}` });
  }
  return found;
};

type Place = { readonly record: AuditedRecord; readonly order: number };

/**
 * I8, second half: a cause is an earlier record of the same correlationId; a first record's may be the parent's or the
 * trigger's, elsewhere. Commands that are no records of a saga topic are not known here: `isKnownElsewhere` vouches for them.
 */
export const checkCauses = (histories: readonly History[], isKnownElsewhere: (eventId: string) => boolean = () => false): readonly Violation[] => {
  const places = new Map<string, Place>();
  for (const { records } of histories) for (const record of records) places.set(record.envelope.eventId, { record, order: record.offset });
  const found: Violation[] = [];
  for (const { key, records } of histories) {
    for (const [index, { envelope, type, offset, topic, partition }] of records.entries()) {
      const { causationId } = envelope;
      if (causationId === null || (index === 0 && !places.has(causationId))) continue;
      const cause = places.get(causationId);
      const say = (problem: string): void => void found.push({ invariant: 'I8', instance: key, message: `${type} at ${offset} names ${causationId} as its cause, ${problem}` });
      if (cause === undefined) {
        if (!isKnownElsewhere(causationId)) say('which does not exist');
        continue;
      }
      const isSamePlace = cause.record.topic === topic && cause.record.partition === partition;
      const isFamily = cause.record.envelope.correlationId === envelope.correlationId || cause.record.envelope.correlationId === envelope.parentCorrelationId || envelope.correlationId === cause.record.envelope.parentCorrelationId;
      if (!isFamily) say(`which belongs to ${cause.record.envelope.correlationId ?? 'no saga'}`);
      else if (isSamePlace && cause.order >= offset) say(`which lies behind it at ${cause.order}`);
    }
  }
  return found;
};

const isSame = (left: Uint8Array | null, right: Uint8Array | null): boolean =>
  left === right || (left !== null && right !== null && left.length === right.length && left.every((byte, index) => byte === right[index]));

/** Each writer's chain is without gap, repetition or edit; it may begin late where retention has taken its head. */
export const checkChains = (records: readonly AuditedRecord[]): readonly Violation[] => {
  const chains = new Map<string, AuditedRecord[]>();
  for (const record of records) {
    const key = keyOfRecord(record);
    const { chain, producer } = record.envelope;
    if (key === null) continue;
    // A participant's chain belongs to one instance, an entity's runs through many.
    const name = chain.id === producer ? `${key} ${chain.id}` : chain.id;
    const links = chains.get(name) ?? [];
    chains.set(name, links);
    links.push(record);
  }
  const found: Violation[] = [];
  for (const [name, links] of chains) {
    links.sort((left, right) => left.envelope.chain.seq - right.envelope.chain.seq);
    for (const [index, link] of links.entries()) {
      const before = links[index - 1];
      if (before === undefined) continue;
      const { seq, prevHash } = link.envelope.chain;
      const expected = before.envelope.chain.seq + 1;
      const say = (problem: string): void => void found.push({ invariant: 'CHAIN', instance: keyOfRecord(link), message: `chain ${name}: ${link.type} at ${link.offset}: ${problem}` });
      if (seq !== expected) say(`number ${seq} follows ${expected - 1}`);
      else if (before.bodyHash !== undefined && !isSame(prevHash, before.bodyHash)) say(`its hash of number ${expected - 1} differs from that record`);
    }
  }
  return found;
};

/** I9 of a finished run: every instance has ended, or is parked for a person. */
export const checkAllEnded = (ledgers: readonly Ledger[]): readonly Violation[] =>
  ledgers
    .filter((ledger) => ledger.terminals.length === 0 && !ledger.isParked)
    .map((ledger) => ({ invariant: 'I9', instance: ledger.history.key, message: `not ended: ${describe(ledger)}` }));

const describe = (ledger: Ledger): string => {
  const slots = [...ledger.slots.values()].map((slot) => `${slot.step}${slot.item === null ? '' : `/${slot.item}`} ${slot.outcomes[0]?.kind ?? (slot.firstActOffset === null ? 'idle' : 'under way')}${slot.compensations.length > 0 ? ' compensated' : ''}`);
  return `${ledger.startedOffset === null ? 'no start record' : 'started'}${ledger.requests.length > 0 ? ', compensating' : ''}; ${slots.join(', ')}`;
};
