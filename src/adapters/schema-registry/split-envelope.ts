import type { AvroSchema } from '#contracts/core';

/** An event schema in two records that follow each other in the same bytes: the envelope and all other fields. */
export type SchemaParts = { readonly fullName: string; readonly envelope: AvroSchema | null; readonly body: AvroSchema };

const isSchema = (value: unknown): value is AvroSchema => typeof value === 'object' && value !== null && !Array.isArray(value);

export const fullNameOf = (schema: AvroSchema): string => {
  const name = String(schema['name'] ?? schema['type']);
  const namespace = schema['namespace'];
  return name.includes('.') || typeof namespace !== 'string' || namespace === '' ? name : `${namespace}.${name}`;
};

/** `envelope: null` where the first field is no record called chorus.Envelope: typed data, or a record of others. */
export const splitEnvelope = (schema: AvroSchema): SchemaParts => {
  const fullName = fullNameOf(schema);
  const fields = schema['fields'];
  const [first, ...rest] = Array.isArray(fields) ? (fields as readonly AvroSchema[]) : [];
  const type: unknown = first?.['type'];
  const isEnvelope = first?.['name'] === 'envelope' && isSchema(type) && fullNameOf(type) === 'chorus.Envelope';
  return isEnvelope ? { fullName, envelope: type, body: { ...schema, fields: rest } } : { fullName, envelope: null, body: schema };
};
