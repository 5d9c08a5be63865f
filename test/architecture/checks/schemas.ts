import { join } from 'node:path';
import { readSchemaSet } from '../../../scripts/contracts/schema-set.ts';
import { type Fault, filesUnder } from './tree.ts';

const FIXTURE = /^schemas\/fixtures\/(.+)\.v([1-9]\d*)\.json$/;

/** Every schema has golden records, every golden record its schema; versions are counted from 1 without a gap. */
export const schemaFixtureFaults = (root: string): readonly Fault[] => {
  const schemas = new Map(readSchemaSet(join(root, 'schemas')).map((file) => [file.kind === 'envelope' ? 'envelope' : file.fullName, file.path]));
  const versions = new Map<string, number[]>();
  const faults: Fault[] = [];
  for (const path of filesUnder(root, 'schemas/fixtures')) {
    const [, name, version] = FIXTURE.exec(path) ?? [];
    if (name === undefined) faults.push(`${path}: a fixture is called <type>.v<version>.json`);
    else versions.set(name, [...(versions.get(name) ?? []), Number(version)]);
  }
  for (const [name, path] of schemas) if (!versions.has(name)) faults.push(`schemas/${path}: has no fixture; run \`npm run contracts\``);
  for (const [name, found] of versions) {
    if (!schemas.has(name)) faults.push(`schemas/fixtures/${name}.v${found[0]}.json: has no schema`);
    if (Math.max(...found) !== found.length) faults.push(`schemas/fixtures/${name}: version ${found.length} is missing; what was released is never deleted`);
  }
  return faults;
};
