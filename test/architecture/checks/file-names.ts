import { codeFiles, type Fault, filesUnder } from './tree.ts';

/** What a file may be, and where each kind lies. The list is closed: a new role is a decision, not a habit. */
const ROLES: Readonly<Record<string, RegExp>> = {
  step: /^src\/participants\/[^/]+\/saga\//,
  entity: /^src\/participants\/[^/]+\/messaging\//,
  source: /^src\/participants\/[^/]+\/messaging\//,
  participant: /^src\/participants\/([^/]+)\/\1\.participant\.ts$/,
  saga: /^src\/sagas\/([^/]+)\/\1\.saga\.ts$/,
  projection: /^src\/projections\//,
  migration: /^src\/projections\//,
  decide: /^src\/(participants\/[^/]+\/business|saga-core)\//,
  evolve: /^src\/(participants\/[^/]+\/business|saga-core)\//,
  fixture: /^(src|test)\//,
  d: /^src\/(adapters|console)\//,
};

/** Each kind runs with one jest project; see jest.config.mjs. */
const KINDS = ['unit', 'property', 'contract', 'saga', 'conformance', 'replay', 'simulation', 'integration', 'faults', 'e2e', 'browser'];

const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/;

const testNameFault = (path: string, parts: readonly string[]): Fault | null => {
  const kind = parts.at(-2) ?? '';
  const role = parts.length === 4 ? parts[1] : undefined;
  if (parts.length > 4 || parts.length < 3) return `${path}: a test is called <subject>[.<role>].<kind>.test.ts`;
  if (!KINDS.includes(kind)) return `${path}: "${kind}" is no kind of test; there are ${KINDS.join(', ')}`;
  return role !== undefined && ROLES[role] === undefined ? `${path}: "${role}" is no role` : null;
};

const nameFault = (path: string): Fault | null => {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const parts = name.split('.').slice(0, -1);
  const [subject = '', role] = parts;
  if (!KEBAB.test(subject)) return `${path}: file names are kebab-case`;
  if (parts.at(-1) === 'test') return testNameFault(path, parts);
  if (role === undefined) return null;
  const place = ROLES[role];
  if (parts.length > 2 || place === undefined) return `${path}: "${parts.slice(1).join('.')}" is no role; there are ${Object.keys(ROLES).join(', ')}`;
  return place.test(path) ? null : `${path}: a *.${role}.ts lies where ${place.source} says`;
};

/** Names tell: the role what a file may import, the kind when a test runs. */
export const fileNameFaults = (root: string): readonly Fault[] =>
  codeFiles(root).filter((path) => path.startsWith('src/') || path.startsWith('test/')).filter((path) => path.endsWith('.ts') || path.endsWith('.tsx')).map(nameFault).filter((fault) => fault !== null);

/** A file that looks like a test to a person must look like one to jest. */
export const misspeltTests = (root: string): readonly Fault[] =>
  ['src', 'test', 'bench', 'scripts', 'examples'].flatMap((folder) => filesUnder(root, folder))
    .filter((path) => /([._-](spec|test)\.[cm]?[jt]sx?$|\.tests\.[cm]?[jt]sx?$|\/__tests__\/)/.test(path) && !path.endsWith('.test.ts') && !/\/test\.mjs$/.test(path))
    .map((path) => `${path}: looks like a test but would never run; tests end in .test.ts`);
