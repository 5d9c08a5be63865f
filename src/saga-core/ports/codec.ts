import type { DataType, Envelope, EventType } from '#contracts/core';

/** A record's value, decoded by its writer's schema, envelope first; the payload only when somebody asks. */
export type DecodedEvent = {
  readonly status: 'decoded';
  /** The Avro full name, which is the event's name. */
  readonly type: string;
  readonly envelope: Envelope;
  /** Every field but the envelope, resolved to the reader's schema where this process knows the type. May throw CodecError. */
  readonly payload: () => unknown;
};

/** An event, bytes of a schema yet to be learnt, or why the bytes cannot be read. */
export type DecodeOutcome =
  | DecodedEvent
  /** Fetch it with `learn`, then decode again. */
  | { readonly status: 'unknown-schema'; readonly schemaId: number }
  /** `cause`: what the decoder threw, where it got so far. */
  | { readonly status: 'undecodable'; readonly reason: string; readonly cause?: unknown };

/**
 * Confluent wire format (magic 0, schema id, Avro body). Encoding and decoding are synchronous; schemas are made known first.
 * Encoding is strict: an undeclared or missing field, NaN, a number beyond its type or a record above the size limit
 * throws CodecError, which names the field.
 */
export type Codec = {
  /** Makes the types' schema ids known (looks them up; registers where allowed). Idempotent. */
  readonly prepare: (types: readonly (EventType<unknown> | DataType<unknown>)[]) => Promise<void>;
  readonly encode: <Payload>(type: EventType<Payload>, envelope: Envelope, payload: NoInfer<Payload>) => Uint8Array;
  readonly decode: (value: Uint8Array) => DecodeOutcome;
  /** Typed bytes inside a record, under their own subject. */
  readonly encodeData: <Value>(type: DataType<Value>, value: NoInfer<Value>) => Uint8Array;
  /** Typed bytes by their writer's schema: typed data, or the payload (without envelope) of an event. Throws CodecError. */
  readonly decodeData: (bytes: Uint8Array) => { readonly type: string; readonly value: unknown };
  /** Fetches a writer's schema by id and caches it for good. Rejects if the registry does not know it. */
  readonly learn: (schemaId: number) => Promise<void>;
};
