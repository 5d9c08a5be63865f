import { createInMemoryCodec, createInMemoryRegistry, type RegistryClient } from '#adapters/schema-registry';
import { type AvroSchema, type DataType, type Envelope, envelopeSchema, type EventType } from '#contracts';

// Golden records: bytes that a build wrote, kept so that every later build must read them.

export type AnyType = EventType<unknown> | DataType<unknown>;

/** One golden record. `body` is Avro without the five-byte header, in hex; `value` the whole record as JSON (bytes `$hex`, bigint `$big`). */
export type GoldenRecord = { readonly body: string; readonly value: unknown };

/** One released version of one type. In the schemas of events "chorus.Envelope" stands for the text of envelope.v<n>.json. */
export type Fixture = {
  readonly type: string;
  readonly version: number;
  readonly envelopeVersion: number | null;
  readonly schema: AvroSchema;
  readonly records: readonly GoldenRecord[];
};

const HEADER_BYTES = 5;
const SAMPLE_TIME_MS = 1_700_000_000_123;

type Scope = { readonly named: Map<string, AvroSchema>; readonly namespace: string; readonly field: AvroSchema; readonly withOptional: boolean };

const sampleRecord = (schema: AvroSchema, scope: Scope): unknown => {
  const namespace = typeof schema['namespace'] === 'string' ? schema['namespace'] : scope.namespace;
  scope.named.set(`${namespace}.${String(schema['name'])}`, schema);
  const fields = schema['fields'] as readonly AvroSchema[];
  return Object.fromEntries(fields.map((field) => [String(field['name']), sample(field['type'], { ...scope, namespace, field })]));
};

const samplePrimitive = (name: string, scope: Scope): unknown => {
  const { field } = scope;
  const values = field['chorus:values'];
  switch (name) {
    case 'boolean': return true;
    case 'int': return -7;
    case 'long': return Number.MAX_SAFE_INTEGER;
    case 'float': case 'double': return 0.625;
    case 'string': return Array.isArray(values) ? String(values[0]) : `${String(field['name'])} €`;
    case 'bytes': return Uint8Array.from([0, 1, 127, 128, 255]);
    default: {
      const named = scope.named.get(name.includes('.') ? name : `${scope.namespace}.${name}`);
      if (named === undefined) throw new Error(`no sample for ${name}`);
      return sampleRecord(named, scope);
    }
  }
};

/** A value that uses every field; optional ones are null unless asked for. */
const sample = (type: unknown, scope: Scope): unknown => {
  if (Array.isArray(type)) return scope.withOptional ? sample(type[1], scope) : null;
  if (typeof type === 'string') return samplePrimitive(type, scope);
  const schema = type as AvroSchema;
  switch (schema['type']) {
    case 'record': return sampleRecord(schema, scope);
    case 'array': return scope.withOptional ? [sample(schema['items'], scope), sample(schema['items'], scope)] : [];
    case 'map': return scope.withOptional ? { key: sample(schema['values'], scope) } : {};
    case 'long':
      if (schema['chorus:exact'] === true) return scope.withOptional ? 2n ** 63n - 1n : -(2n ** 63n);
      return schema['logicalType'] === undefined ? Number.MAX_SAFE_INTEGER : SAMPLE_TIME_MS;
    default: return sample(schema['type'], scope);
  }
};

export const toJson = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return { $hex: Buffer.from(value).toString('hex') };
  if (typeof value === 'bigint') return { $big: String(value) };
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
};

export const fromJson = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value !== 'object' || value === null) return value;
  if ('$hex' in value) return Uint8Array.from(Buffer.from(String(value.$hex), 'hex'));
  if ('$big' in value) return BigInt(String(value.$big));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromJson(item)]));
};

const encodeWhole = async (type: AnyType, value: unknown, registry: RegistryClient): Promise<Uint8Array> => {
  const codec = createInMemoryCodec({ registry });
  await codec.prepare([type]);
  if (type.kind === 'data') return codec.encodeData(type, value);
  const { envelope, ...payload } = value as { readonly envelope: Envelope };
  return codec.encode(type, envelope, payload);
};

/** The value's Avro body in hex. */
export const bodyHex = async (type: AnyType, value: unknown): Promise<string> =>
  Buffer.from((await encodeWhole(type, value, createInMemoryRegistry())).subarray(HEADER_BYTES)).toString('hex');

/** The schema as fixtures keep it: the envelope by name. */
export const fixtureSchemaOf = (type: AnyType): AvroSchema => {
  if (type.kind === 'data') return type.schema;
  const [first, ...rest] = type.schema['fields'] as readonly AvroSchema[];
  return { ...type.schema, fields: [{ ...first, type: 'chorus.Envelope' }, ...rest] };
};

/** The schema as its writer registered it. */
export const writerSchemaOf = (fixture: Fixture, envelopes: ReadonlyMap<number, AvroSchema>): AvroSchema => {
  if (fixture.envelopeVersion === null) return fixture.schema;
  const envelope = envelopes.get(fixture.envelopeVersion);
  if (envelope === undefined) throw new Error(`fixture of ${fixture.type}: envelope.v${fixture.envelopeVersion}.json is missing`);
  const [first, ...rest] = fixture.schema['fields'] as readonly AvroSchema[];
  return { ...fixture.schema, fields: [{ ...first, type: envelope }, ...rest] };
};

/** Two golden records of the type as it is now: everything optional null, and everything given. */
export const makeFixture = async (type: AnyType, version: number, envelopeVersion: number): Promise<Fixture> => {
  const records: GoldenRecord[] = [];
  for (const withOptional of [false, true]) {
    const value = sample(type.schema, { named: new Map(), namespace: '', field: {}, withOptional });
    records.push({ body: await bodyHex(type, value), value: toJson(value) });
  }
  return { type: type.name, version, envelopeVersion: type.kind === 'event' ? envelopeVersion : null, schema: fixtureSchemaOf(type), records };
};

export { envelopeSchema };
