import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Fault, hasFile, textOfFile } from './tree.ts';

type TsConfig = { readonly include: readonly string[]; readonly exclude: readonly string[] };
type LintConfig = { readonly default: readonly { readonly name?: string; readonly files?: readonly string[] }[] };
type Target = string | { readonly [condition: string]: Target };
type Manifest = { readonly imports: Readonly<Record<string, Target>>; readonly exports: Readonly<Record<string, Target>> };

const TESTS = 'src/**/*.test.ts';

const differences = (what: string, zones: readonly string[], pure: readonly string[]): readonly Fault[] => [
  ...pure.filter((zone) => !zones.includes(zone)).map((zone) => `${what} forgets the pure zone ${zone}`),
  ...zones.filter((zone) => !pure.includes(zone)).map((zone) => `${what} names ${zone}, which tsconfig.pure.json does not compile`),
];

/** A zone is pure to the compiler, to the linter, and left out of the zone that has Node's types; or it is not pure. */
export const pureZoneFaults = async (root: string): Promise<readonly Fault[]> => {
  const read = (path: string): TsConfig => JSON.parse(textOfFile(root, path)) as TsConfig;
  const lint = (await import(pathToFileURL(join(root, 'eslint.config.mjs')).href)) as LintConfig;
  const pure = read('tsconfig.pure.json').include;
  return [
    ...differences('tsconfig.node.json', read('tsconfig.node.json').exclude.filter((zone) => zone !== TESTS), pure),
    ...differences('eslint.config.mjs', lint.default.find((part) => part.name === 'chorus/pure-zones')?.files ?? [], pure),
  ];
};

const sourcesOf = (target: Target): readonly string[] => (typeof target === 'string' ? [target] : Object.entries(target).flatMap(([condition, inner]) => (condition === 'chorus:source' ? sourcesOf(inner) : [])));

/** A front door that package.json names is there. */
export const frontDoorFaults = (root: string): readonly Fault[] => {
  const { imports, exports } = JSON.parse(textOfFile(root, 'package.json')) as Manifest;
  return Object.entries({ ...exports, ...imports }).flatMap(([name, target]) =>
    sourcesOf(target).filter((path) => !path.includes('*') && !hasFile(root, path)).map((path) => `package.json: ${name} leads to ${path}, which is not there`));
};
