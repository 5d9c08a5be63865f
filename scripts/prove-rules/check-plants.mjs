import { NOTE } from './base.mjs';

const EVENT = (name) => JSON.stringify({ type: 'record', name, namespace: 'parcel', fields: [{ name: 'envelope', type: 'chorus.Envelope' }] });
const JEST_TEST = "import { expect, test } from '@jest/globals';\n";

/** Of each architecture check: what is planted (null deletes) and a part of the fault that must be told. */
export const CHECK_PLANTS = {
  'files are named by role and lie where their role says': [
    [{ 'src/adapters/kafka/Log.ts': 'export const a = 1;\n' }, 'file names are kebab-case'],
    [{ 'src/adapters/kafka/log.helper.ts': 'export const a = 1;\n' }, '"helper" is no role'],
    [{ 'src/adapters/kafka/deliver.step.ts': 'export const a = 1;\n' }, 'a *.step.ts lies where'],
    [{ 'src/adapters/kafka/log.smoke.test.ts': JEST_TEST }, '"smoke" is no kind of test'],
    [{ 'src/adapters/kafka/log.test.ts': JEST_TEST }, 'a test is called'],
    [{ 'src/sagas/parcel/other.saga.ts': 'export const a = 1;\n' }, 'a *.saga.ts lies where'],
  ],
  'what looks like a test is one': [
    [{ 'src/adapters/kafka/log.spec.ts': JEST_TEST }, 'log.spec.ts: looks like a test'],
    [{ 'test/unit/log_test.ts': JEST_TEST }, 'log_test.ts: looks like a test'],
    [{ 'src/adapters/kafka/__tests__/log.ts': JEST_TEST }, '__tests__/log.ts: looks like a test'],
  ],
  'every test is run by exactly one jest project, every project by npm test': [
    [{ 'test/unit/log.conformance.test.ts': JEST_TEST }, 'no jest project runs it'],
    [{ 'scripts/sums.unit.test.ts': JEST_TEST }, 'no jest project runs it'],
    [{ 'jest.config.mjs': "export default { projects: [{ displayName: 'a', testMatch: ['<rootDir>/src/**/*.test.ts'] }, { displayName: 'b', testMatch: ['<rootDir>/src/**/*.unit.test.ts'] }] };\n" }, 'run by a and b'],
    [{ 'scripts/test.mjs': 'export const PROJECTS = [];\n' }, 'never runs the project unit'],
  ],
  'no test is switched off': [
    [{ 'src/adapters/kafka/log.unit.test.ts': `${JEST_TEST}test.skip('later', () => {});\n` }, 'log.unit.test.ts:2'],
    [{ 'src/adapters/kafka/log.unit.test.ts': `${JEST_TEST}describe.only('this', () => {});\n` }, 'log.unit.test.ts:2'],
    [{ 'src/adapters/kafka/log.unit.test.ts': `${JEST_TEST}test.todo('some day');\n` }, 'log.unit.test.ts:2'],
    [{ 'src/adapters/kafka/log.unit.test.ts': `${JEST_TEST}xit('not now', () => {});\n` }, 'log.unit.test.ts:2'],
  ],
  'every participant is described under the fixed headings': [
    [{ 'src/participants/depot/ARCHITECTURE.md': null }, 'depot/ARCHITECTURE.md: is missing'],
    [{ 'src/participants/depot/ARCHITECTURE.md': NOTE.replace('## Failure table\nSaid.\n', '') }, 'the headings are, in this order'],
    [{ 'src/participants/depot/ARCHITECTURE.md': NOTE.replace('## Invariants\nSaid.\n', '## Invariants\n') }, 'nothing is said under "Invariants"'],
    [{ 'src/participants/depot/ARCHITECTURE.md': `${NOTE}${'line\n'.repeat(120)}` }, 'at most'],
  ],
  'the error catalogue and the code name the same codes': [
    [{ 'src/adapters/kafka/errors.ts': "export type LogErrorCode = 'LOG_BURNT' | 'LOG_WET';\n" }, 'LOG_WET is not explained'],
    [{ 'src/adapters/kafka/errors.ts': "export class LogError extends Error { readonly code = 'LOG_LOST'; }\n" }, 'LOG_LOST is not explained'],
    [{ 'src/adapters/kafka/end.ts': "export type End = { readonly code: 'LOG_SHUT' };\n" }, 'LOG_SHUT is not explained'],
    [{ 'src/adapters/kafka/end.ts': "export const end = { code: 'LOG_OVER', message: '' };\n" }, 'LOG_OVER is not explained'],
    [{ 'src/participants/courier/business/parcel.ts': 'export const weigh = (): null => null;\n' }, 'PARCEL_TOO_HEAVY is declared nowhere'],
    [{ 'docs/reference/errors.md': '| `PARCEL_TOO_HEAVY` | refusal |  | send two |\n' }, 'has an empty column'],
  ],
  'what a front door gives out has a docstring': [
    [{ 'src/kernel/ids.ts': 'export type ParcelId = string;\n/** Said. */\nexport const parcelId = (text: string): ParcelId => text;\n' }, 'src/kernel/index.ts: ParcelId has no docstring'],
    [{ 'src/adapters/postgres/index.ts': "export const openDatabase = (): string => 'open';\n" }, 'openDatabase has no docstring'],
  ],
  'a suppression names its rule and its reason': [
    [{ 'src/adapters/kafka/quiet.ts': '// eslint-disable-next-line\nexport const a = 1;\n' }, 'quiet.ts:1'],
    [{ 'src/adapters/kafka/quiet.ts': '// eslint-disable-next-line no-eval\nexport const a = 1;\n' }, 'quiet.ts:1'],
    [{ 'src/adapters/kafka/quiet.ts': '/* eslint-disable -- everything here is special */\nexport const a = 1;\n' }, 'quiet.ts:1'],
    [{ 'src/adapters/kafka/quiet.ts': '// @ts-expect-error\nexport const a: string = 1;\n' }, 'quiet.ts:1'],
  ],
  'suppressions only get fewer': [
    [{ 'src/adapters/kafka/quiet.ts': '// eslint-disable-next-line no-eval -- the reason is a good one\nexport const a = 1;\n' }, 'eslint-disable: 1'],
    [{ 'test/support/quiet.ts': '// @ts-expect-error: the reason is a good one\nexport const a: string = 1;\n' }, 'ts-expect-error: 1'],
  ],
  'schemas and fixtures match': [
    [{ 'schemas/trading/parcel.lost.avsc': EVENT('lost') }, 'parcel.lost.avsc: has no fixture'],
    [{ 'schemas/fixtures/parcel.burnt.v1.json': '{}\n' }, 'parcel.burnt.v1.json: has no schema'],
    [{ 'schemas/fixtures/parcel.delivered.v3.json': '{}\n' }, 'version 2 is missing'],
    [{ 'schemas/fixtures/notes.txt': '\n' }, 'a fixture is called'],
  ],
  'every quoted command exists': [
    [{ 'README.md': 'Run `npm run fly`.\n' }, 'no script "fly"'],
    [{ 'docs/how-to/start.md': '```sh\nnode scripts/gone.ts\n```\n' }, 'there is no scripts/gone.ts'],
    [{ 'CONTRIBUTING.md': '```\nbin/gone up\n```\n' }, 'there is no bin/gone'],
  ],
  'every link leads somewhere': [[{ 'README.md': 'See [this](docs/gone.md).\n' }, 'docs/gone.md leads nowhere']],
  'what a page calls the text of a file is that': [
    [{ 'docs/example.md': '<!-- the text of src/kernel/index.ts -->\n```ts\nexport const old = 1;\n```\n' }, 'docs/example.md: the example is not the text of src/kernel/index.ts'],
    [{ 'docs/example.md': '<!-- the text of src/gone.ts -->\n```ts\n```\n' }, 'not the text of src/gone.ts'],
  ],
  'the pages at the root are there': [[{ 'LICENSE': null }, 'LICENSE: is missing'], [{ 'SECURITY.md': null }, 'SECURITY.md: is missing']],
  'compiler and linter hold the same pure zones': [
    [{ 'tsconfig.pure.json': '{ "include": ["src/kernel/**/*.ts", "src/extra/**/*.ts"] }\n' }, 'eslint.config.mjs forgets the pure zone src/extra'],
    [{ 'tsconfig.node.json': '{ "include": ["src/**/*.ts"], "exclude": ["src/**/*.test.ts", "src/kernel/**/*.ts"] }\n' }, 'tsconfig.node.json forgets the pure zone src/sagas'],
  ],
  'every front door of package.json is there': [
    [{ 'src/kernel/index.ts': null }, '#kernel leads to ./src/kernel/index.ts'],
    [{ 'src/saga-core/testing/index.ts': null }, './saga-core/testing leads to'],
  ],
  'no path of one machine': [[{ 'src/adapters/kafka/path.ts': "export const where = '/home/somebody/kafka';\n" }, 'path.ts:1'], [{ 'README.md': 'Look at /root/chorus/data.\n' }, 'README.md:1']],
  'no reference that a reader cannot open': [[{ 'src/adapters/kafka/page.ts': '/** As said (SPEC A8.1). */\nexport const a = 1;\n' }, 'page.ts:1']],
};
