import { describe, expect, test } from '@jest/globals';
import type { AvroSchema, DataType, Envelope, EventType } from '#contracts/core';
import { dataType, envelopeSchema, eventType } from '#contracts/core';
import type { Codec } from '#saga-core/ports';

type AnyType = EventType<unknown> | DataType<unknown>;
/** Two codecs of one world share its schemas. */
export type CodecWorld = { readonly codec: (options?: { readonly recordBytesMax?: number; readonly knownTypes?: readonly AnyType[] }) => Codec };

const envelope: Envelope = {
  eventId: 'e1', occurredAt: 1_767_623_400_000, producer: 'tester', correlationId: 'saga-1', causationId: null, parentCorrelationId: null, sagaType: 'greeting',
  subSaga: null, definitionVersion: 1, stepName: 'greet', stepItem: null, step: 1, totalSteps: 3, subStep: null, outcome: 'completed',
  compensationData: Uint8Array.from([0, 255]), attempt: null, startedAt: 1_767_623_300_000, timeout: 60_000, idempotencyKey: 'saga-1:greet:execute',
  chain: { id: 'tester', seq: 1, prevHash: null },
};

const schemaOf = (fields: readonly AvroSchema[]): AvroSchema => ({
  type: 'record', name: 'greeted', namespace: 'conformance', fields: [{ name: 'envelope', type: envelopeSchema }, ...fields],
});
type Greeted = Readonly<Record<string, unknown>>;
const greeted: EventType<Greeted> = eventType('conformance.greeted', schemaOf([
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
const good: Greeted = {
  text: 'hélló €', count: -5, big: Number.MAX_SAFE_INTEGER, exact: -(2n ** 63n), ratio: 0.1, flag: false, raw: Uint8Array.from([1, 2]), side: 'sell',
  legs: [{ qty: '1.5' }, { qty: '2' }], tags: { a: 'b', $c: 'd' },
};
const note: DataType<{ readonly text: string }> = dataType('conformance.Note', { type: 'record', name: 'Note', namespace: 'conformance', fields: [{ name: 'text', type: 'string' }] });

const refused: readonly (readonly [what: string, change: Greeted, field: string])[] = [
  ['an undeclared field', { colour: 'red' }, 'colour'],
  ['a missing field', { text: undefined }, 'text'],
  ['a number for a string', { text: 5 }, 'text'],
  ['an int of 33 bits', { count: 2 ** 31 }, 'count'],
  ['a fraction for an int', { count: 1.5 }, 'count'],
  ['a long that a number rounds', { big: 2 ** 53 }, 'big'],
  ['a number for an exact long', { exact: 5 }, 'exact'],
  ['a bigint of 65 bits', { exact: 2n ** 63n }, 'exact'],
  ['NaN', { ratio: Number.NaN }, 'ratio'],
  ['Infinity', { ratio: Number.POSITIVE_INFINITY }, 'ratio'],
  ['a truthy flag', { flag: 1 }, 'flag'],
  ['text for bytes', { raw: 'abc' }, 'raw'],
  ['a value that is not listed', { side: 'hold' }, 'side'],
  ['a lone surrogate', { text: '\ud800' }, 'text'],
  ['a fault in an item', { legs: [{ qty: '1' }, { qty: 2 }] }, 'legs[1].qty'],
  ['a fault in a map', { tags: { a: 1 } }, 'tags.a'],
];

const payloadOf = (codec: Codec, bytes: Uint8Array): unknown => {
  const outcome = codec.decode(bytes);
  return outcome.status === 'decoded' ? outcome.payload() : outcome;
};

/** The behaviour of the Codec port: every implementation passes every one. */
export const codecConformance = (name: string, makeWorld: () => CodecWorld): void => {
  const prepared = async (options: { readonly recordBytesMax?: number } = {}): Promise<Codec> => {
    const codec = makeWorld().codec(options);
    await codec.prepare([greeted, note]);
    return codec;
  };
  describe(name, () => {
    test('a record comes back as it went in, envelope and payload', async () => {
      const codec = await prepared();
      const outcome = codec.decode(codec.encode(greeted, envelope, good));
      expect(outcome).toMatchObject({ status: 'decoded', type: 'conformance.greeted' });
      if (outcome.status !== 'decoded') return;
      expect({ ...outcome.envelope, compensationData: [...(outcome.envelope.compensationData ?? [])] }).toEqual({ ...envelope, compensationData: [0, 255] });
      expect(outcome.payload()).toEqual(good);
      expect(outcome.payload()).toBe(outcome.payload());
    });
    test('the first five bytes are 0 and the schema id', async () => {
      const codec = await prepared();
      const bytes = codec.encode(greeted, envelope, good);
      expect(bytes[0]).toBe(0);
      expect(new DataView(bytes.buffer, bytes.byteOffset).getUint32(1)).toBeGreaterThan(0);
    });
    test('the same record gives the same bytes', async () => {
      const codec = await prepared();
      expect(Buffer.compare(codec.encode(greeted, envelope, good), codec.encode(greeted, envelope, good))).toBe(0);
    });
    test.each(refused)('%s is refused, and the error names the field', async (_what, change, field) => {
      const codec = await prepared();
      expect(() => codec.encode(greeted, envelope, { ...good, ...change })).toThrow(expect.objectContaining({ name: 'CodecError', path: field }));
    });
    test('the envelope is held to the same rules', async () => {
      const codec = await prepared();
      const broken: Envelope = { ...envelope, chain: { ...envelope.chain, seq: 1.5 } };
      expect(() => codec.encode(greeted, broken, good)).toThrow(expect.objectContaining({ path: 'envelope.chain.seq' }));
    });
    test('a record above the size limit is refused', async () => {
      const codec = await prepared({ recordBytesMax: 2_000 });
      expect(() => codec.encode(greeted, envelope, { ...good, text: 'x'.repeat(3_000) })).toThrow(expect.objectContaining({ code: 'CODEC_RECORD_TOO_LARGE' }));
    });
    test('a type that was not prepared is refused', () => {
      expect(() => makeWorld().codec().encode(greeted, envelope, good)).toThrow(expect.objectContaining({ code: 'CODEC_NOT_PREPARED' }));
    });
    test('preparing twice changes nothing', async () => {
      const codec = await prepared();
      const before = codec.encode(greeted, envelope, good);
      await codec.prepare([greeted]);
      expect(Buffer.compare(codec.encode(greeted, envelope, good), before)).toBe(0);
    });
    test('an unknown schema id is told, learnt, and then decoded', async () => {
      const world = makeWorld();
      const [writer, reader] = [world.codec(), world.codec()];
      await writer.prepare([greeted]);
      const bytes = writer.encode(greeted, envelope, good);
      const outcome = reader.decode(bytes);
      expect(outcome.status).toBe('unknown-schema');
      if (outcome.status !== 'unknown-schema') return;
      await Promise.all([reader.learn(outcome.schemaId), reader.learn(outcome.schemaId)]);
      expect(payloadOf(reader, bytes)).toEqual(good);
      await expect(reader.learn(77_777)).rejects.toMatchObject({ name: 'CodecError' });
    });
    test.each([['nothing', []], ['four bytes', [0, 0, 0, 0]], ['another magic byte', [1, 0, 0, 0, 1, 0]]])('%s is undecodable, with a reason', async (_what, bytes) => {
      const codec = await prepared();
      expect(codec.decode(Uint8Array.from(bytes))).toMatchObject({ status: 'undecodable', reason: expect.stringMatching(/./) });
    });
    test('a record cut short is found out: at once, or when the payload is asked for', async () => {
      const codec = await prepared();
      const bytes = codec.encode(greeted, envelope, good);
      for (const length of [6, 20, bytes.length - 1]) {
        const outcome = codec.decode(bytes.slice(0, length));
        if (outcome.status === 'decoded') expect(outcome.payload).toThrow(expect.objectContaining({ code: 'CODEC_UNDECODABLE' }));
        else expect(outcome.status).toBe('undecodable');
      }
    });
    test('typed data comes back with its type', async () => {
      const codec = await prepared();
      const bytes = codec.encodeData(note, { text: 'hi' });
      expect(codec.decodeData(bytes)).toEqual({ type: 'conformance.Note', value: { text: 'hi' } });
      expect(codec.decode(bytes).status).toBe('undecodable');
      expect(() => makeWorld().codec().decodeData(bytes)).toThrow(expect.objectContaining({ code: 'CODEC_UNKNOWN_SCHEMA' }));
    });
    test('the payload of an event can be read as typed data', async () => {
      const codec = await prepared();
      expect(codec.decodeData(codec.encode(greeted, envelope, good))).toEqual({ type: 'conformance.greeted', value: good });
    });
    test('a reader gets its own fields: defaults for what the writer lacked, nothing of what it does not know', async () => {
      const older: EventType<{ readonly a: string; readonly gone: string }> = eventType('conformance.greeted', schemaOf([{ name: 'a', type: 'string' }, { name: 'gone', type: 'string', default: '' }]));
      const newer: EventType<{ readonly a: string; readonly b: string | null }> = eventType('conformance.greeted', schemaOf([{ name: 'a', type: 'string' }, { name: 'b', type: ['null', 'string'], default: null }]));
      const world = makeWorld();
      const [writer, reader] = [world.codec(), world.codec()];
      await writer.prepare([older]);
      await reader.prepare([newer]);
      const bytes = writer.encode(older, envelope, { a: 'x', gone: 'y' });
      const outcome = reader.decode(bytes);
      if (outcome.status === 'unknown-schema') await reader.learn(outcome.schemaId);
      expect(payloadOf(reader, bytes)).toEqual({ a: 'x', b: null });
    });
    test('records do not share memory with each other or with what they were decoded from', async () => {
      const codec = await prepared();
      const first = codec.encode(greeted, envelope, good);
      const copy = [...first];
      codec.encode(greeted, envelope, { ...good, text: 'another' });
      expect([...first]).toEqual(copy);
      const outcome = codec.decode(first);
      if (outcome.status !== 'decoded') throw new Error(outcome.status);
      const payload = outcome.payload();
      first.fill(0);
      expect(payload).toEqual(good);
    });
  });
};
