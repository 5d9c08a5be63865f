import { envelopeSchema, type EventType, eventType } from '#contracts/core';
import { invariant } from '#kernel';

/** Kinds of fields and what they are in TypeScript. `decimal` is a decimal number as text; `time` is milliseconds since the epoch. */
type FieldValues = {
  readonly string: string;
  readonly decimal: string;
  readonly int: number;
  readonly long: number;
  readonly double: number;
  readonly boolean: boolean;
  readonly bytes: Uint8Array;
  readonly time: number;
};
/** How a field of a declared event is written. */
export type FieldKind = keyof FieldValues;
type PayloadOfFields<Fields extends Readonly<Record<string, FieldKind>>> = { readonly [Name in keyof Fields]: FieldValues[Fields[Name]] };

const AVRO: Readonly<Record<FieldKind, unknown>> = {
  string: 'string', decimal: 'string', int: 'int', long: 'long', double: 'double', boolean: 'boolean', bytes: 'bytes', time: { type: 'long', logicalType: 'timestamp-millis' },
};
const NAME = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$/;

/**
 * Declares an event type from its fields, all of them required; its Avro schema, envelope first, is made here. Types with optional or
 * nested fields are declared with `eventType` and a schema of one's own. Stops the process when the name is not dotted (`order.placed`).
 */
export const defineEvent = <const Fields extends Readonly<Record<string, FieldKind>>>(name: string, fields: Fields): EventType<PayloadOfFields<Fields>> => {
  invariant(NAME.test(name), `event name ${JSON.stringify(name)} must be dotted, such as order.placed, of letters, digits and _`);
  const at = name.lastIndexOf('.');
  const declared = Object.entries(fields).map(([field, kind]) => ({ name: field, type: AVRO[kind] }));
  return eventType(name, { type: 'record', name: name.slice(at + 1), namespace: name.slice(0, at), fields: [{ name: 'envelope', type: envelopeSchema }, ...declared] });
};
