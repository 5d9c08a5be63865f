import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allDataTypes, allEventTypes, type AvroSchema } from '#contracts';
import { type AnyType, envelopeSchema, type Fixture, fixtureSchemaOf, makeFixture } from './contracts/fixtures.ts';

// schemas/fixtures/: golden records of every version of every type. A changed schema gets a new version; nothing that
// was released is ever rewritten. Before release 1.0.0 nothing is released: the last version is replaced.

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDER = join(ROOT, 'schemas', 'fixtures');

const same = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);
const readJson = (name: string): unknown => JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
const writeJson = (name: string, value: unknown): void => writeFileSync(join(FOLDER, name), `${JSON.stringify(value, null, 1)}\n`);

const isReleased = (): boolean => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string };
  return !manifest.version.startsWith('0.');
};

const versionsOf = (stem: string): readonly number[] =>
  readdirSync(FOLDER).filter((name) => name.startsWith(`${stem}.v`)).map((name) => Number(name.slice(stem.length + 2, -'.json'.length))).filter(Number.isInteger).sort((a, b) => a - b);

const nextVersion = (last: number): number => (isReleased() || last === 0 ? last + 1 : last);

const writeEnvelope = (): { readonly version: number; readonly changed: boolean } => {
  const last = versionsOf('envelope').at(-1) ?? 0;
  if (last > 0 && same(readJson(`envelope.v${last}.json`), envelopeSchema)) return { version: last, changed: false };
  const version = nextVersion(last);
  writeJson(`envelope.v${version}.json`, envelopeSchema);
  return { version, changed: true };
};

const writeType = async (type: AnyType, envelope: { readonly version: number; readonly changed: boolean }): Promise<boolean> => {
  const last = versionsOf(type.name).at(-1) ?? 0;
  const kept = last === 0 ? null : (readJson(`${type.name}.v${last}.json`) as Fixture);
  const isCurrent = kept !== null && same(kept.schema, fixtureSchemaOf(type) satisfies AvroSchema) && !(envelope.changed && type.kind === 'event');
  if (isCurrent) return false;
  const version = nextVersion(last);
  writeJson(`${type.name}.v${version}.json`, await makeFixture(type, version, envelope.version));
  return true;
};

mkdirSync(FOLDER, { recursive: true });
const envelope = writeEnvelope();
const types: readonly AnyType[] = [...allEventTypes, ...allDataTypes];
let written = 0;
for (const type of types) if (await writeType(type, envelope)) written += 1;
if (!isReleased()) {
  const kept = new Set(['envelope', ...types.map((type) => type.name)]);
  for (const name of readdirSync(FOLDER)) if (!kept.has(name.replace(/\.v\d+\.json$/, ''))) rmSync(join(FOLDER, name));
}
console.log(`${written} fixtures written to schemas/fixtures/`);
