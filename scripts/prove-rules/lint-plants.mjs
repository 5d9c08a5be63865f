/** What each zone's one planted file contains, and the messages that must name it. `rule` alone: the rule must report the file. */
const PURE_ZONES = [
  'src/kernel', 'src/contracts', 'src/saga-core/definition', 'src/saga-core/engine', 'src/saga-core/ports', 'src/sagas/parcel', 'src/participants/courier/business',
];

const GLOBALS = ['Date', 'Intl', 'WeakRef', 'FinalizationRegistry', 'SharedArrayBuffer', 'Atomics', 'globalThis'];

const PURE_TEXT = [
  ...GLOBALS.map((name, index) => `export const global${index}: unknown = ${name};`),
  'export const chance = Math.random();',
  'export const later = async (): Promise<number> => { for await (const each of []) void each; await Promise.resolve(); await import("./elsewhere.ts"); return 1; };',
  'export const order = ["b", "a"].sort((left, right) => left.localeCompare(right));',
  'export const upper = "i".toLocaleUpperCase();',
  'export const stop = (): never => { throw new Error("no"); };',
  'export class Accumulator { total = 0; }',
].join('\n');

const PURE_EXPECTED = [
  ...GLOBALS.map((name) => ['no-restricted-globals', `'${name}'`]),
  ['no-restricted-properties', 'randomness comes through a port'],
  ['no-restricted-syntax', 'No async in a pure zone'],
  ['no-restricted-syntax', 'No await in a pure zone'],
  ['no-restricted-syntax', 'No `for await`'],
  ['no-restricted-syntax', 'No dynamic import'],
  ['no-restricted-syntax', 'No locale'],
  ['no-restricted-syntax', 'No throw'],
  ['no-restricted-syntax', 'No classes'],
];

const CASTS = 'export const cast = JSON.parse("1") as number;\nexport const old = <number>JSON.parse("1");\n';
const CAST_EXPECTED = [['no-restricted-syntax', 'No casts here'], ['no-restricted-syntax', 'No angle-bracket casts']];

const EVERYWHERE_TEXT = [
  "import { one } from './planted-one.ts';",
  'export enum Colour { Red }',
  'export namespace Space { export const a = 1; }',
  'const mark = (value: unknown): unknown => value;',
  '@mark',
  'export class Marked {}',
  'export class Child extends Marked {}',
  "export * from './planted-one.ts';",
  'export const loose: any = one;',
  'export const sure = [one][0]!;',
  'export interface Open { readonly a: number }',
  '// @ts-ignore',
  'export const wrong: string = 1;',
  "import old = require('node:fs');",
  'export const same = old == one;',
  'var elder = 1;',
  'let never = elder;',
  'export const change = (value: number): number => { value = never; return value; };',
  "export const run = (): unknown => eval('1');",
  'export const look = (): void => { debugger; };',
  '// eslint-disable-next-line no-eval -- there is nothing to suppress',
  'export const quiet = 1;',
  'export default quiet;',
].join('\n');

const EVERYWHERE_EXPECTED = [
  ['no-restricted-syntax', 'No enums'],
  ['no-restricted-syntax', 'No namespaces'],
  ['no-restricted-syntax', 'No decorators'],
  ['no-restricted-syntax', 'No inheritance'],
  ['no-restricted-syntax', 'No `export *`'],
  ['no-restricted-syntax', 'No default exports'],
  ['@typescript-eslint/no-explicit-any'],
  ['@typescript-eslint/no-non-null-assertion'],
  ['@typescript-eslint/consistent-type-definitions'],
  ['@typescript-eslint/ban-ts-comment'],
  ['@typescript-eslint/no-require-imports'],
  ['eqeqeq'],
  ['no-var'],
  ['prefer-const'],
  ['no-param-reassign'],
  ['no-eval'],
  ['no-debugger'],
  [null, 'Unused eslint-disable directive'],
];

const PROMISES_TEXT = [
  'const work = async (): Promise<number> => 1;',
  'export const forget = (): void => { work(); };',
  'export const confuse = (): number => (work() ? 1 : 2);',
  'export const pause = async (): Promise<number> => { const done = 1; return await done; };',
  "export const miss = (kind: 'a' | 'b'): number => { switch (kind) { case 'a': return 1; } return 2; };",
  "export const soon = (): unknown => setTimeout('1', 1);",
].join('\n');

const PROMISES_EXPECTED = [
  ['@typescript-eslint/no-floating-promises'], ['@typescript-eslint/no-misused-promises'], ['@typescript-eslint/await-thenable'], ['@typescript-eslint/switch-exhaustiveness-check'],
  ['@typescript-eslint/no-implied-eval'],
];

const SIZES_TEXT = [
  `export const long = (): number => {\n${'  Math.abs(1);\n'.repeat(60)}  return 1;\n};`,
  'export const wide = (a: number, b: number, c: number, d: number): number => a + b + c + d;',
  'export const deep = (n: number): number => { if (n > 1) { if (n > 2) { if (n > 3) { if (n > 4) { return 5; } } } } return n; };',
  `export const forked = (n: number): number => ${Array.from({ length: 11 }, (_, index) => `n === ${index} ? ${index} : `).join('')}12;`,
  ...Array.from({ length: 300 }, (_, index) => `export const line${index} = ${index};`),
].join('\n');
const SIZES_EXPECTED = [['max-lines-per-function'], ['max-params'], ['max-depth'], ['complexity'], ['max-lines']];

/** Where something is allowed that is refused elsewhere, so that a rule cannot become stricter unseen. */
export const LINT_ALLOWED = [
  ['src/kernel/invariant.ts', 'throw and class in the one place that stops the process'],
  ['src/kernel/ids.ts', 'casts that make brands'],
  ['src/saga-core/definition/define-saga.ts', 'a wrong definition stops the process'],
  ['src/adapters/kafka/planted-allowed.ts', 'an adapter casts wire data, is asynchronous and throws', 'export const read = async (): Promise<number> => { await Promise.resolve(); if (Date.now() < 0) throw new Error("no"); return JSON.parse("1") as number; };\n'],
  ['src/sagas/parcel/planted-const.ts', '`as const` is no cast', "export const names = ['a', 'b'] as const;\n"],
];

export const LINT_PLANTS = [
  ...PURE_ZONES.map((zone) => ({ path: `${zone}/planted-impure.ts`, text: PURE_TEXT, expected: PURE_EXPECTED })),
  ...['src/saga-core/engine', 'src/saga-core/runtime', 'src/sagas/parcel', 'src/participants/courier/saga', 'src/apps/demo', 'src/projections/parcels'].map((zone) => ({ path: `${zone}/planted-cast.ts`, text: CASTS, expected: CAST_EXPECTED })),
  ...['src/adapters/kafka', 'src/saga-core/runtime', 'test/support'].map((zone) => ({ path: `${zone}/planted-habits.ts`, text: EVERYWHERE_TEXT, expected: EVERYWHERE_EXPECTED })),
  ...['src/adapters/kafka', 'test/support', 'scripts', 'bench'].map((zone) => ({ path: `${zone}/planted-promises.ts`, text: PROMISES_TEXT, expected: PROMISES_EXPECTED })),
  { path: 'src/adapters/kafka/planted-sizes.ts', text: SIZES_TEXT, expected: SIZES_EXPECTED },
  { path: 'scripts/planted.mjs', text: 'export default 1;\nexport * from "./other.mjs";\nexport class Child extends Map {}\n', expected: [['no-restricted-syntax', 'No default exports'], ['no-restricted-syntax', 'No `export *`'], ['no-restricted-syntax', 'No inheritance']] },
  { path: 'src/adapters/kafka/planted-inline.ts', text: '/* eslint eqeqeq: "error" */\nexport const one = 1;\n', expected: [[null, 'Unused inline config']] },
];
