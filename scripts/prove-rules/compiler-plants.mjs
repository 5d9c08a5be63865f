/** Pure zones know no host: each of these names must be unknown in each of them. */
const HOST = {
  process: 'export const pid: unknown = process.pid;', timer: 'export const timer: unknown = setTimeout(() => 1, 1);', fetch: "export const page: unknown = fetch('https://example.org');",
  console: "console.log('hello');", buffer: "export const bytes: unknown = Buffer.from('a');", performance: 'export const now: unknown = performance.now();',
  crypto: 'export const id: unknown = crypto.randomUUID();', node: "export { readFileSync } from 'node:fs';", window: 'export const page: unknown = window;',
};
const ZONES = ['src/kernel', 'src/contracts', 'src/saga-core/definition', 'src/saga-core/engine', 'src/saga-core/ports', 'src/sagas/parcel', 'src/participants/courier/business'];

/** Every strictness flag of tsconfig.base.json: code that it alone refuses, and the compiler's error number. */
const FLAGS = {
  strict: ['export const length = (text: string | null): number => text.length;', 'TS18047'],
  exactOptionalPropertyTypes: ['type Options = { readonly limit?: number };\nexport const options: Options = { limit: undefined };', 'TS2375'],
  noUncheckedIndexedAccess: ['export const first = (list: readonly number[]): number => list[0];', 'TS2322'],
  noPropertyAccessFromIndexSignature: ['export const of = (table: Readonly<Record<string, number>>): number | undefined => table.key;', 'TS4111'],
  noImplicitOverride: ['class Parent { name(): string { return ""; } }\nexport class Child extends Parent { name(): string { return "a"; } }', 'TS4114'],
  noImplicitReturns: ['export const sign = (n: number): number | undefined => { if (n > 0) return 1; };', 'TS7030'],
  noFallthroughCasesInSwitch: ['export const f = (n: number): number => { let m = 0; switch (n) { case 1: m = 1; case 2: return m; default: return 0; } };', 'TS7029'],
  noUnusedLocals: ['const unused = 1;\nexport const used = 2;', 'TS6133'],
  noUnusedParameters: ['export const f = (unused: number): number => 1;', 'TS6133'],
  noUncheckedSideEffectImports: ["import './nowhere.ts';\nexport const a = 1;", 'TS2882'],
  verbatimModuleSyntax: ["import { ParcelId } from './ids.ts';\nexport const f = (id: ParcelId): ParcelId => id;", 'TS1484'],
  erasableSyntaxOnly: ['export enum Colour { Red }', 'TS1294'],
};

export const COMPILER_PLANTS = [
  ...ZONES.flatMap((zone) => Object.entries(HOST).map(([name, text]) => ({ path: `${zone}/planted-${name}.ts`, text: `${text}\n`, code: 'TS2', rule: `${zone} knows no ${name}` }))),
  ...Object.entries(FLAGS).map(([flag, [text, code]]) => ({ path: `src/kernel/planted-${flag.toLowerCase()}.ts`, text: `${text}\n`, code, rule: flag })),
];
export const PROVEN_FLAGS = Object.keys(FLAGS);
/** Settings that refuse nothing by themselves. */
export const OTHER_SETTINGS = [
  'target', 'module', 'moduleResolution', 'customConditions', 'isolatedModules', 'allowImportingTsExtensions', 'rewriteRelativeImportExtensions', 'skipLibCheck', 'composite',
  'declaration', 'rootDir', 'outDir',
];
