import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { staleContracts } from '../../scripts/generate-contracts.ts';
import { type JsonObject, readSchemaSet } from '../../scripts/contracts/schema-set.ts';

test('src/contracts/ is what the schemas say', () => {
  expect(staleContracts()).toEqual([]);
});

const envelope: JsonObject = { type: 'record', name: 'Envelope', namespace: 'chorus', fields: [{ name: 'eventId', type: 'string' }] };
const eventWith = (...fields: readonly JsonObject[]): JsonObject => ({
  type: 'record', name: 'happened', namespace: 'thing', fields: [{ name: 'envelope', type: 'chorus.Envelope' }, ...fields],
});

const reading = (files: Readonly<Record<string, JsonObject>>) => () => {
  const root = mkdtempSync(join(tmpdir(), 'schemas-'));
  for (const [path, schema] of Object.entries({ 'core/Envelope.avsc': envelope, ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), JSON.stringify(schema));
  }
  return readSchemaSet(root);
};

test('a good schema is read', () => {
  expect(reading({ 'a/thing.happened.avsc': eventWith({ name: 'why', type: ['null', 'string'], default: null }) })().map((file) => [file.fullName, file.kind]))
    .toEqual([['thing.happened', 'event'], ['chorus.Envelope', 'envelope']]);
});

const rules: readonly (readonly [string, Readonly<Record<string, JsonObject>>, RegExp])[] = [
  ['a union of two types', { 'a/thing.happened.avsc': eventWith({ name: 'x', type: ['null', 'string', 'int'], default: null }) }, /a\/thing.happened.avsc: thing.happened.x: the only union is \["null", X\]/],
  ['a union that does not begin with null', { 'a/thing.happened.avsc': eventWith({ name: 'x', type: ['string', 'null'], default: 'a' }) }, /the only union is/],
  ['a nullable field without a default', { 'a/thing.happened.avsc': eventWith({ name: 'x', type: ['null', 'string'] }) }, /needs "default": null/],
  ['an enum', { 'a/thing.happened.avsc': eventWith({ name: 'x', type: { type: 'enum', name: 'E', symbols: ['A'] } }) }, /no enums/],
  ['a misspelt attribute', { 'a/thing.happened.avsc': eventWith({ name: 'x', type: 'string', defualt: '' }) }, /unknown attribute "defualt"/],
  ['an unknown reference', { 'a/thing.happened.avsc': eventWith({ name: 'x', type: 'thing.Missing' }) }, /type thing.Missing is neither defined/],
  ['a file called otherwise', { 'a/other.avsc': eventWith() }, /must be called thing.happened.avsc/],
  ['an envelope that is not first', { 'a/thing.happened.avsc': { type: 'record', name: 'happened', namespace: 'thing', fields: [{ name: 'x', type: 'int' }, { name: 'envelope', type: 'chorus.Envelope' }] } }, /must be the first field/],
  ['an inner record written out twice', {
    'a/thing.happened.avsc': eventWith({ name: 'x', type: { type: 'record', name: 'Inner', fields: [] } }),
    'a/thing.again.avsc': { ...eventWith({ name: 'x', type: { type: 'record', name: 'Inner', fields: [] } }), name: 'again' },
  }, /thing.Inner: is also defined in/],
  ['an exact timestamp', { 'a/thing.happened.avsc': eventWith({ name: 'x', type: { type: 'long', logicalType: 'timestamp-millis', 'chorus:exact': true } }) }, /chorus:exact: true is not supported/],
];

test.each(rules)('%s is refused, with file and field', (_, files, message) => {
  expect(reading(files)).toThrow(message);
});
