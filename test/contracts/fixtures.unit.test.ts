import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createInMemoryCodec, createInMemoryRegistry } from '#adapters/schema-registry';
import { allDataTypes, allEventTypes, type AvroSchema } from '#contracts';
import { type AnyType, bodyHex, type Fixture, fixtureSchemaOf, fromJson, toJson, writerSchemaOf } from '../../scripts/contracts/fixtures.ts';

// Goal: bytes of every version ever written are read by this build, and this build still writes the same bytes.
// Method: the golden records of schemas/fixtures/, decoded from their writer's schema as this build's types.

const FOLDER = join(import.meta.dirname, '..', '..', 'schemas', 'fixtures');
const read = (name: string): unknown => JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
const names = readdirSync(FOLDER);
const envelopes = new Map(names.filter((name) => name.startsWith('envelope.v')).map((name) => [Number(/\d+/.exec(name)?.[0]), read(name) as AvroSchema]));
const fixtures = names.filter((name) => !name.startsWith('envelope.')).map((name) => read(name) as Fixture);
const types = new Map<string, AnyType>([...allEventTypes, ...allDataTypes].map((type) => [type.name, type]));

const recordOf = (body: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), Buffer.from(body, 'hex')]);

test('every type has a fixture of its present schema: otherwise run `npm run contracts`', () => {
  const current = new Set(fixtures.map((fixture) => JSON.stringify(fixture.schema)));
  expect([...types.values()].filter((type) => !current.has(JSON.stringify(fixtureSchemaOf(type)))).map((type) => type.name)).toEqual([]);
});

test('no fixture is left without its type', () => {
  expect(fixtures.filter((fixture) => !types.has(fixture.type)).map((fixture) => fixture.type)).toEqual([]);
});

test.each(fixtures.map((fixture) => [fixture.type, fixture.version, fixture] as const))('%s v%i is read', async (name, _, fixture) => {
  const type = types.get(name);
  if (type === undefined) throw new Error(`${name} is gone`);
  const registry = createInMemoryRegistry();
  await registry.register('written', JSON.stringify(writerSchemaOf(fixture, envelopes)));
  const codec = createInMemoryCodec({ registry, knownTypes: [type] });
  await codec.learn(1);
  for (const { body, value } of fixture.records) {
    const expected = value as Readonly<Record<string, unknown>>;
    const bytes = recordOf(body);
    const outcome = type.kind === 'event' ? codec.decode(bytes) : null;
    if (outcome !== null && outcome.status !== 'decoded') throw new Error(`${name}: ${JSON.stringify(outcome)}`);
    const whole = outcome === null ? codec.decodeData(bytes).value : { envelope: outcome.envelope, ...(outcome.payload() as object) };
    const seen = toJson(whole) as Readonly<Record<string, unknown>>;
    // A later schema may have dropped or added fields: what both have must agree.
    const shared = Object.keys(expected).filter((key) => key in seen);
    expect(shared.length).toBeGreaterThan(0);
    for (const key of shared) expect(seen[key]).toEqual(expected[key]);
  }
});

test.each(fixtures.map((fixture) => [fixture.type, fixture.version, fixture] as const))('%s v%i is still written byte for byte', async (name, _, fixture) => {
  const type = types.get(name);
  if (type === undefined) throw new Error(`${name} is gone`);
  const writer: AnyType = { ...type, schema: writerSchemaOf(fixture, envelopes) };
  for (const { body, value } of fixture.records) expect(await bodyHex(writer, fromJson(value))).toBe(body);
});
