/** A parsed .avsc document. */
export type AvroSchema = { readonly [attribute: string]: unknown };

/**
 * The token of an event type: its Avro full name, which is the event's name, its schema (whose first field is the
 * envelope), and, for the compiler only, the shape of its payload (every field but the envelope).
 */
export type EventType<out Payload> = {
  readonly kind: 'event';
  readonly name: string;
  readonly schema: AvroSchema;
  /** Never present: carries the type for the compiler. */
  readonly payload?: () => Payload;
};

/** The token of typed bytes inside a record (compensation data, a StepCompleted's output, an entity's state). */
export type DataType<out Value> = {
  readonly kind: 'data';
  readonly name: string;
  readonly schema: AvroSchema;
  /** Never present: carries the type for the compiler. */
  readonly value?: () => Value;
};

export type PayloadOf<Type> = Type extends EventType<infer Payload> ? Payload : Type extends DataType<infer Value> ? Value : never;

export const eventType = <Payload>(name: string, schema: AvroSchema): EventType<Payload> => ({ kind: 'event', name, schema });
export const dataType = <Value>(name: string, schema: AvroSchema): DataType<Value> => ({ kind: 'data', name, schema });
