import type { Envelope } from '#contracts/core';

/** A record of one saga, decoded, as diagrams and timelines need it. */
export type SagaRecord = {
  readonly partition: number;
  readonly offset: number;
  /** The event's name. */
  readonly type: string;
  readonly envelope: Envelope;
  readonly payload: unknown;
};

/** In the order of their partition. */
export const inOrder = <Some extends SagaRecord>(records: readonly Some[]): readonly Some[] =>
  records.toSorted((left, right) => left.partition - right.partition || left.offset - right.offset);

const fieldsOf = (payload: unknown): ReadonlyMap<string, unknown> => (typeof payload === 'object' && payload !== null ? new Map(Object.entries(payload)) : new Map());

/** A field of the payload as text; empty where it is absent or null. */
export const textOf = ({ payload }: SagaRecord, name: string): string => {
  const value = fieldsOf(payload).get(name);
  return value === null || value === undefined ? '' : String(value);
};

/** `step` or `step/item`; empty for records of no step. */
export const slotOf = ({ envelope }: SagaRecord): string => {
  if (envelope.stepName === null) return '';
  return envelope.stepItem === null ? envelope.stepName : `${envelope.stepName}/${envelope.stepItem}`;
};

/** Without the namespace that lifecycle records share. */
export const shortName = (type: string): string => type.replace(/^chorus\./, '');
