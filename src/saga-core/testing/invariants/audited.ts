import type { Envelope } from '#contracts/core';
import type { SagaShape } from '#saga-core';

/** A record of a saga topic, decoded: what the checkers look at, whether it comes from a simulation, a test or a live log. */
export type AuditedRecord = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly type: string;
  readonly envelope: Envelope;
  readonly payload: unknown;
  /** SHA-256 of the Avro body; without it chains are checked by number alone. */
  readonly bodyHash?: Uint8Array;
};

/** The definition of a saga type in one version; undefined = not known here, its instances are not judged. */
export type DefinitionLookup = (type: string, version: number) => SagaShape | undefined;

/** I1 to I10 are the invariants of the runtime; CHAIN and WRITER name the chains of records and the one writer of each kind. */
export type InvariantId = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I8' | 'I9' | 'I10' | 'CHAIN' | 'WRITER';

/** An invariant that the records break, and where. */
export type Violation = {
  readonly invariant: InvariantId;
  /** `correlationId` or `correlationId/subSaga`; null where it concerns no single instance. */
  readonly instance: string | null;
  /** What is wrong, with names and offsets. */
  readonly message: string;
};

/** One instance: its records in the order of its partition. */
export type History = {
  readonly key: string;
  readonly correlationId: string;
  readonly sagaType: string;
  readonly records: readonly AuditedRecord[];
  readonly definition: SagaShape | undefined;
};

/** A field of a payload whose type nobody vouches for. */
export const fieldOf = (payload: unknown, name: string): unknown =>
  typeof payload === 'object' && payload !== null ? Object.entries(payload).find(([key]) => key === name)?.[1] : undefined;

export const keyOfRecord = ({ envelope }: AuditedRecord): string | null => {
  if (envelope.correlationId === null || envelope.sagaType === null) return null;
  return envelope.subSaga === null ? envelope.correlationId : `${envelope.correlationId}/${envelope.subSaga}`;
};

const versionOf = (records: readonly AuditedRecord[]): number | null => {
  const start = records.find((record) => record.type === 'chorus.SagaStarted');
  const pinned = start === undefined ? null : fieldOf(start.payload, 'definitionVersion');
  return typeof pinned === 'number' ? pinned : (records[0]?.envelope.definitionVersion ?? null);
};

/** Groups records by instance. Order within a partition is by offset; records of no saga are left out. */
export const historiesOf = (records: readonly AuditedRecord[], definitions: DefinitionLookup): readonly History[] => {
  const groups = new Map<string, AuditedRecord[]>();
  for (const record of records) {
    const key = keyOfRecord(record);
    if (key === null) continue;
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(record);
  }
  return [...groups].map(([key, group]) => {
    const sorted = group.sort((left, right) => left.partition - right.partition || left.offset - right.offset);
    const { correlationId, sagaType, subSaga } = sorted[0]?.envelope ?? { correlationId: null, sagaType: null, subSaga: null };
    const type = subSaga ?? sagaType ?? '';
    return { key, correlationId: correlationId ?? '', sagaType: type, records: sorted, definition: definitions(type, versionOf(sorted) ?? 1) };
  });
};
