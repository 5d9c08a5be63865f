import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { type AvroSchema, dataType, type Envelope, envelopeSchema, eventType, type EventType } from '#contracts';
import { type CodecError } from './codec-error.ts';
import { createInMemoryCodec, createSchemaCodec } from './codec.ts';
import { createInMemoryRegistry } from './registry-client.ts';
import { bodyHash } from './wire-format.ts';

const envelope: Envelope = {
  eventId: 'e1', occurredAt: 1_700_000_000_000, producer: 'tester', correlationId: 'saga-1', causationId: null,
  parentCorrelationId: null, sagaType: 'order_execution', subSaga: null, definitionVersion: null, stepName: null, stepItem: null,
  step: 0, totalSteps: 6, subStep: null, outcome: null, compensationData: null, attempt: null, startedAt: null, timeout: 300_000,
  idempotencyKey: null, chain: { id: 'tester', seq: 1, prevHash: null },
};

const schemaOf = (fields: readonly AvroSchema[], name = 'happened'): AvroSchema => ({
  type: 'record', name, namespace: 'thing', fields: [{ name: 'envelope', type: envelopeSchema }, ...fields],
});
const happened: EventType<Record<string, unknown>> = eventType('thing.happened', schemaOf([
  { name: 'text', type: 'string' },
  { name: 'count', type: 'int' },
  { name: 'big', type: 'long' },
  { name: 'exact', type: { type: 'long', 'chorus:exact': true } },
  { name: 'ratio', type: 'double' },
  { name: 'flag', type: 'boolean' },
  { name: 'raw', type: ['null', 'bytes'], default: null },
  { name: 'side', type: 'string', 'chorus:values': ['buy', 'sell'] },
  { name: 'legs', type: { type: 'array', items: { type: 'record', name: 'Leg', fields: [{ name: 'qty', type: 'string' }] } } },
  { name: 'tags', type: { type: 'map', values: 'string' } },
]));
const good: Readonly<Record<string, unknown>> = {
  text: 'hello', count: 1, big: 2, exact: 3n, ratio: 0.5, flag: true, raw: null, side: 'buy', legs: [{ qty: '1.5' }], tags: { a: 'b' },
};

const codec = createInMemoryCodec();
await codec.prepare([happened]);

const refusal = (change: Readonly<Record<string, unknown>>): CodecError => {
  try {
    codec.encode(happened, envelope, { ...good, ...change });
  } catch (error) {
    return error as CodecError;
  }
  throw new Error('the codec took what it must refuse');
};

const without = (key: string): Readonly<Record<string, unknown>> => Object.fromEntries(Object.entries(good).filter(([name]) => name !== key));

const decoded = (record: Uint8Array) => {
  const outcome = codec.decode(record);
  if (outcome.status !== 'decoded') throw new Error(`expected a decoded record, got ${JSON.stringify(outcome)}`);
  return outcome;
};

test('the wire is Confluent: 0, schema id, body', () => {
  expect([...codec.encode(happened, envelope, good).subarray(0, 5)]).toEqual([0, 0, 0, 0, 1]);
});

const lone = '\ud800';
const faults: readonly (readonly [string, Readonly<Record<string, unknown>>, string, string, RegExp])[] = [
  ['an undeclared field', { colour: 'red' }, 'CODEC_UNDECLARED_FIELD', 'colour', /thing\.happened: colour is "red", but thing\.happened has no such field/],
  ['a number for a string', { text: 5 }, 'CODEC_INVALID_VALUE', 'text', /text is 5; it must be a string/],
  ['a string for a number', { count: '5' }, 'CODEC_INVALID_VALUE', 'count', /count is "5"; it must be a whole number of 32 bits/],
  ['an int of 33 bits', { count: 2 ** 31 }, 'CODEC_INVALID_VALUE', 'count', /2147483648/],
  ['a fraction for an int', { count: 1.5 }, 'CODEC_INVALID_VALUE', 'count', /1\.5/],
  ['a long that a number rounds', { big: 2 ** 53 }, 'CODEC_INVALID_VALUE', 'big', /9007199254740992; it must be a whole number within ±\(2\^53-1\)/],
  ['a bigint for a plain long', { big: 5n }, 'CODEC_INVALID_VALUE', 'big', /5n/],
  ['a number for an exact long', { exact: 5 }, 'CODEC_INVALID_VALUE', 'exact', /a bigint of 64 bits/],
  ['a bigint of 65 bits', { exact: 2n ** 63n }, 'CODEC_INVALID_VALUE', 'exact', /9223372036854775808n/],
  ['NaN', { ratio: Number.NaN }, 'CODEC_INVALID_VALUE', 'ratio', /NaN; it must be a finite number/],
  ['Infinity', { ratio: Number.POSITIVE_INFINITY }, 'CODEC_INVALID_VALUE', 'ratio', /Infinity/],
  ['a truthy flag', { flag: 1 }, 'CODEC_INVALID_VALUE', 'flag', /true or false/],
  ['text for bytes', { raw: 'abc' }, 'CODEC_INVALID_VALUE', 'raw', /a Uint8Array/],
  ['undefined for null', { raw: undefined }, 'CODEC_MISSING_FIELD', 'raw', /raw is missing/],
  ['null where nothing is nullable', { text: null }, 'CODEC_INVALID_VALUE', 'text', /text is null/],
  ['a value that is not listed', { side: 'hold' }, 'CODEC_INVALID_VALUE', 'side', /one of buy, sell/],
  ['a lone surrogate', { text: lone }, 'CODEC_INVALID_VALUE', 'text', /lone surrogates/],
  ['a fault in an item', { legs: [{ qty: '1' }, { qty: 2 }] }, 'CODEC_INVALID_VALUE', 'legs[1].qty', /legs\[1\]\.qty is 2/],
  ['an undeclared field in an item', { legs: [{ qty: '1', price: '2' }] }, 'CODEC_UNDECLARED_FIELD', 'legs[0].price', /thing\.Leg has no such field/],
  ['a fault in a map', { tags: { a: 1 } }, 'CODEC_INVALID_VALUE', 'tags.a', /tags\.a is 1/],
  ['an array for a map', { tags: [] }, 'CODEC_INVALID_VALUE', 'tags', /a map/],
];

test.each(faults)('%s is refused, naming the field', (_, change, code, path, message) => {
  expect(refusal(change)).toMatchObject({ name: 'CodecError', code, path, type: 'thing.happened', action: 'dead-letter', message: expect.stringMatching(message) });
});

test.each(Object.keys(good))('a record without %s is refused', (key) => {
  expect(() => codec.encode(happened, envelope, without(key))).toThrow(expect.objectContaining({ code: 'CODEC_MISSING_FIELD', path: key }));
});

test('the envelope is held to the same rules, and its faults name their path', () => {
  const broken = { ...envelope, chain: { ...envelope.chain, seq: 1.5 } };
  expect(() => codec.encode(happened, broken, good)).toThrow(expect.objectContaining({ code: 'CODEC_INVALID_VALUE', path: 'envelope.chain.seq' }));
});

test('the 64-bit edges survive', () => {
  for (const exact of [-(2n ** 63n), -1n, 0n, 2n ** 63n - 1n]) {
    for (const big of [Number.MIN_SAFE_INTEGER, -(2 ** 52) - 1, Number.MAX_SAFE_INTEGER]) {
      expect(decoded(codec.encode(happened, envelope, { ...good, exact, big })).payload()).toMatchObject({ exact, big });
    }
  }
});

test('a long that a number would round is undecodable, not rounded', async () => {
  const fields = (type: unknown): readonly AvroSchema[] => [{ name: 'at', type }];
  const registry = createInMemoryRegistry();
  const writer = createInMemoryCodec({ registry });
  const reader = createInMemoryCodec({ registry, knownTypes: [eventType('thing.happened', schemaOf(fields('long')))] });
  const exact = eventType<{ readonly at: bigint }>('thing.happened', schemaOf(fields({ type: 'long', 'chorus:exact': true })));
  await writer.prepare([exact]);
  await reader.learn(1);
  const payloadOf = (at: bigint): unknown => {
    const outcome = reader.decode(writer.encode(exact, envelope, { at }));
    return outcome.status === 'decoded' ? outcome.payload() : outcome;
  };
  expect(payloadOf(2n ** 53n - 1n)).toEqual({ at: Number.MAX_SAFE_INTEGER });
  expect(() => payloadOf(2n ** 53n)).toThrow(/CODEC_UNDECODABLE.*9007199254740992 is beyond/);
});

test('a record above the limit is refused with its size; one at the limit is written', async () => {
  const tight = createInMemoryCodec({ recordBytesMax: 300 });
  await tight.prepare([happened]);
  const sizeWith = (characters: number): number => codec.encode(happened, envelope, { ...good, text: 'x'.repeat(characters) }).length;
  const fitting = 300 - sizeWith(100) + 100;
  expect(sizeWith(fitting)).toBe(300);
  expect(tight.encode(happened, envelope, { ...good, text: 'x'.repeat(fitting) })).toHaveLength(300);
  expect(() => tight.encode(happened, envelope, { ...good, text: 'x'.repeat(fitting + 1) }))
    .toThrow(expect.objectContaining({ code: 'CODEC_RECORD_TOO_LARGE', message: expect.stringMatching(/301 bytes, the limit is 300/) }));
});

test('records larger than the first buffer are written whole', () => {
  const text = '€'.repeat(200_000);
  expect(decoded(codec.encode(happened, envelope, { ...good, text })).payload()).toMatchObject({ text });
});

test('records are independent of each other and of what they were decoded from', () => {
  const first = codec.encode(happened, envelope, { ...good, raw: new Uint8Array([1, 2, 3]) });
  const before = [...first];
  codec.encode(happened, envelope, { ...good, text: 'other', raw: new Uint8Array([9, 9, 9]) });
  expect([...first]).toEqual(before);
  const payload = decoded(first).payload() as { readonly raw: Uint8Array };
  first.fill(0);
  expect([...payload.raw]).toEqual([1, 2, 3]);
});

test('the payload is decoded when asked for, once; until then only the envelope is', () => {
  const record = codec.encode(happened, envelope, good);
  const outcome = codec.decode(record.subarray(0, record.length - 1));
  expect(outcome).toMatchObject({ status: 'decoded', type: 'thing.happened', envelope: { eventId: 'e1', chain: { seq: 1 } } });
  if (outcome.status === 'decoded') expect(outcome.payload).toThrow(expect.objectContaining({ code: 'CODEC_UNDECODABLE' }));
  const whole = decoded(record);
  expect(whole.payload()).toEqual(good);
  expect(whole.payload()).toBe(whole.payload());
});

test('bytes left over are not swallowed', () => {
  const record = Buffer.concat([codec.encode(happened, envelope, good), Buffer.from([0])]);
  expect(decoded(record).payload).toThrow(/1 bytes are left over/);
});

test.each([
  ['nothing', [], /too few/],
  ['four bytes', [0, 0, 0, 0], /too few/],
  ['another magic byte', [1, 0, 0, 0, 1, 0], /first byte is 1/],
  ['an envelope cut short', [0, 0, 0, 0, 1, 20], /ends? within|envelope/],
])('%s: undecodable, with the reason', (_, bytes, reason) => {
  expect(codec.decode(Uint8Array.from(bytes))).toMatchObject({ status: 'undecodable', reason: expect.stringMatching(reason) });
});

test('an unknown schema id is told, learnt, and then the type decodes by its writer\'s schema alone', async () => {
  const registry = createInMemoryRegistry();
  const writer = createInMemoryCodec({ registry });
  const reader = createInMemoryCodec({ registry });
  await writer.prepare([happened]);
  const record = writer.encode(happened, envelope, good);
  expect(reader.decode(record)).toEqual({ status: 'unknown-schema', schemaId: 1 });
  await Promise.all([reader.learn(1), reader.learn(1)]);
  const outcome = reader.decode(record);
  expect(outcome.status === 'decoded' && outcome.payload()).toEqual(good);
  await expect(reader.learn(77)).rejects.toMatchObject({ code: 'REGISTRY_NOT_FOUND', schemaId: 77 });
});

test('a reader gets its own fields: defaults for what the writer lacked, nothing of what it does not know', async () => {
  const older = eventType<{ readonly a: string; readonly gone: string }>('thing.happened', schemaOf([{ name: 'a', type: 'string' }, { name: 'gone', type: 'string', default: '' }]));
  const newer = eventType<{ readonly a: string; readonly b: string | null; readonly n: bigint }>('thing.happened', schemaOf([
    { name: 'a', type: 'string' },
    { name: 'b', type: ['null', 'string'], default: null },
    { name: 'n', type: { type: 'long', 'chorus:exact': true }, default: 7 },
  ]));
  const registry = createInMemoryRegistry();
  const writer = createInMemoryCodec({ registry });
  const reader = createInMemoryCodec({ registry });
  await writer.prepare([older]);
  await reader.prepare([newer]);
  await reader.learn(1);
  const outcome = reader.decode(writer.encode(older, envelope, { a: 'x', gone: 'y' }));
  expect(outcome.status === 'decoded' && outcome.payload()).toEqual({ a: 'x', b: null, n: 7n });
});

test('a type learnt before it is known is read by the reader\'s schema from then on', async () => {
  const older = eventType<{ readonly a: string }>('thing.happened', schemaOf([{ name: 'a', type: 'string' }]));
  const newer = eventType<{ readonly a: string; readonly b: string | null }>('thing.happened', schemaOf([{ name: 'a', type: 'string' }, { name: 'b', type: ['null', 'string'], default: null }]));
  const registry = createInMemoryRegistry();
  const writer = createInMemoryCodec({ registry });
  const reader = createInMemoryCodec({ registry });
  await writer.prepare([older]);
  await reader.learn(1);
  await reader.prepare([newer]);
  const outcome = reader.decode(writer.encode(older, envelope, { a: 'x' }));
  expect(outcome.status === 'decoded' && outcome.payload()).toEqual({ a: 'x', b: null });
});

test('typed data inside a record is told by name; its unknown schema is an error that carries the id', async () => {
  const note = dataType<{ readonly text: string }>('thing.Note', { type: 'record', name: 'Note', namespace: 'thing', fields: [{ name: 'text', type: 'string' }] });
  const registry = createInMemoryRegistry();
  const writer = createInMemoryCodec({ registry });
  const reader = createInMemoryCodec({ registry });
  await writer.prepare([note, happened]);
  const bytes = writer.encodeData(note, { text: 'hi' });
  expect(() => reader.decodeData(bytes)).toThrow(expect.objectContaining({ code: 'CODEC_UNKNOWN_SCHEMA', schemaId: 1 }));
  await reader.learn(1);
  expect(reader.decodeData(bytes)).toEqual({ type: 'thing.Note', value: { text: 'hi' } });
  expect(writer.decodeData(writer.encode(happened, envelope, good))).toEqual({ type: 'thing.happened', value: good });
  expect(reader.decode(bytes)).toMatchObject({ status: 'undecodable', reason: expect.stringMatching(/thing\.Note has no envelope/) });
});

test('a type that was not prepared is refused, also under the name of one that was', () => {
  const stranger: EventType<Record<string, unknown>> = eventType('thing.happened', schemaOf([{ name: 'other', type: 'string' }]));
  expect(() => codec.encode(stranger, envelope, { other: 'x' })).toThrow(expect.objectContaining({ code: 'CODEC_NOT_PREPARED' }));
});

test('an event that no topic carries cannot be prepared', async () => {
  const homeless = createSchemaCodec({ registryUrl: 'http://127.0.0.1:9', topicsOf: () => [], autoRegister: true });
  await expect(Promise.resolve().then(() => homeless.prepare([happened]))).rejects.toMatchObject({ code: 'CODEC_NO_TOPIC', message: expect.stringMatching(/topics\.yaml/) });
});

// Block counts as broken or hostile bytes have them: 2^40 items in nothing.
const HUGE_COUNT = [0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
test.each([
  ['array', { type: 'array', items: 'string' }],
  ['map', { type: 'map', values: 'string' }],
  ['array of nothing', { type: 'array', items: { type: 'record', name: 'Nothing', fields: [] } }],
  ['bytes', 'bytes'],
])('a size that the bytes cannot hold is refused before anything is allocated: %s', async (_, type) => {
  const sized = dataType('thing.Sized', { type: 'record', name: 'Sized', namespace: 'thing', fields: [{ name: 'many', type }] });
  const reader = createInMemoryCodec();
  await reader.prepare([sized]);
  expect(() => reader.decodeData(Uint8Array.from([0, 0, 0, 0, 1, ...HUGE_COUNT]))).toThrow(expect.objectContaining({ code: 'CODEC_UNDECODABLE' }));
});

test('what is registered is the source of the schema, defaults and attributes included', async () => {
  const registry = createInMemoryRegistry();
  await createInMemoryCodec({ registry }).prepare([happened]);
  expect(JSON.parse(await registry.schemaText(1))).toEqual(happened.schema);
});

test('the hash of a chain is over the body alone', () => {
  const record = codec.encode(happened, envelope, good);
  expect(Buffer.from(bodyHash(record)).toString('hex')).toBe(createHash('sha256').update(record.subarray(5)).digest('hex'));
  const underOtherId = Uint8Array.from(record);
  underOtherId[4] = 200;
  expect(bodyHash(underOtherId)).toEqual(bodyHash(record));
});
