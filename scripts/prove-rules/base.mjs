/**
 * A sound little project under our own settings: two participants, one saga, one adapter. It breaks no rule, which is checked
 * first; then violations are planted into copies of it.
 */
const NOTE_HEADINGS = [
  'Purpose', 'State diagram', 'Steps owned, records consumed and written', 'Invariants', 'Idempotency key and what a duplicate gets', 'Compensation',
  'Time limits', 'Failure table', 'Non-obvious',
];
export const NOTE = `# Courier\n\n${NOTE_HEADINGS.map((heading) => `## ${heading}\nSaid.\n`).join('\n')}`;

const ENVELOPE = { type: 'record', name: 'Envelope', namespace: 'chorus', fields: [{ name: 'eventId', type: 'string' }] };
const EVENT = { type: 'record', name: 'delivered', namespace: 'parcel', fields: [{ name: 'envelope', type: 'chorus.Envelope' }] };

const FILES = {
  'src/kernel/index.ts': "export { type ParcelId, parcelId } from './ids.ts';\nexport { assertNever, InvariantViolation } from './invariant.ts';\n",
  'src/kernel/ids.ts': 'export type ParcelId = string & { readonly brand: true };\nexport const parcelId = (text: string): ParcelId => text as ParcelId;\n',
  'src/kernel/invariant.ts': [
    'export class InvariantViolation extends Error {}',
    'export const assertNever = (value: never, context: string): never => {',
    '  throw new InvariantViolation(`${context}: unexpected ${String(value)}`);',
    '};\n',
  ].join('\n'),
  'src/contracts/index.ts': "export { delivered } from './generated/trading.ts';\n",
  'src/contracts/core.ts': "export { started } from './generated/core.ts';\n",
  'src/contracts/generated/trading.ts': "export const delivered = { name: 'parcel.delivered' } as const;\n",
  'src/contracts/generated/core.ts': "export const started = { name: 'chorus.SagaStarted' } as const;\n",
  'src/saga-core/index.ts': "export { defineSaga, type Saga } from './definition/define-saga.ts';\nexport { decide } from './engine/decide.ts';\n",
  'src/saga-core/definition/define-saga.ts': [
    "import { InvariantViolation } from '#kernel';",
    'export type Saga = { readonly type: string };',
    'export const defineSaga = (saga: Saga): Saga => {',
    "  if (saga.type === '') throw new InvariantViolation('a saga has a type');",
    '  return saga;',
    '};\n',
  ].join('\n'),
  'src/saga-core/engine/decide.ts': "import { started } from '#contracts/core';\nexport const decide = (nowMs: number): string => `${started.name} at ${nowMs}`;\n",
  'src/saga-core/ports/index.ts': "export type { Clock } from './clock.ts';\n",
  'src/saga-core/ports/clock.ts': 'export type Clock = { readonly nowMillis: () => number };\n',
  'src/saga-core/runtime/index.ts': "export { runTask } from './task.ts';\n",
  'src/saga-core/runtime/task.ts': [
    "import { setTimeout as wait } from 'node:timers/promises';",
    "import { decide } from '../engine/decide.ts';",
    "import type { Clock } from '../ports/index.ts';",
    'export const runTask = async (clock: Clock): Promise<string> => {',
    '  await wait(1);',
    '  return decide(clock.nowMillis());',
    '};\n',
  ].join('\n'),
  'src/saga-core/testing/index.ts': "export { fixedClock } from './fixed-clock.ts';\n",
  'src/saga-core/testing/fixed-clock.ts': "import type { Clock } from '../ports/index.ts';\nexport const fixedClock = (atMs: number): Clock => ({ nowMillis: () => atMs });\n",
  'src/sagas/parcel/index.ts': "export { parcelSaga } from './parcel.saga.ts';\n",
  'src/sagas/parcel/parcel.saga.ts': "import { defineSaga } from '#saga-core';\nexport const parcelSaga = defineSaga({ type: 'parcel' });\n",
  'src/participants/courier/index.ts': "export { courier } from './courier.participant.ts';\n",
  'src/participants/courier/courier.participant.ts': "import { deliver } from './saga/deliver.step.ts';\nimport { parcels } from './messaging/parcels.entity.ts';\nexport const courier = { deliver, parcels };\n",
  'src/participants/courier/business/parcel.ts': "export type ParcelRefusal = 'PARCEL_TOO_HEAVY';\nexport const weigh = (grams: number): ParcelRefusal | null => (grams > 30_000 ? 'PARCEL_TOO_HEAVY' : null);\n",
  'src/participants/courier/business/parcel.unit.test.ts': "import { expect, test } from '@jest/globals';\nimport { weigh } from './parcel.ts';\n\ntest('a heavy parcel is refused', () => {\n  expect(weigh(30_001)).toBe('PARCEL_TOO_HEAVY');\n});\n",
  'src/participants/courier/messaging/parcels.entity.ts': "import { delivered } from '#contracts';\nimport { weigh } from '../business/parcel.ts';\nexport const parcels = { type: delivered.name, weigh };\n",
  'src/participants/courier/saga/deliver.step.ts': "import { parcelSaga } from '#sagas/parcel';\nimport { parcels } from '../messaging/parcels.entity.ts';\nexport const deliver = { saga: parcelSaga.type, parcels };\n",
  'src/participants/courier/ARCHITECTURE.md': NOTE,
  'src/participants/depot/index.ts': "export { shelf } from './business/shelf.ts';\n",
  'src/participants/depot/business/shelf.ts': "import { parcelId } from '#kernel';\nexport const shelf = parcelId('shelf');\n",
  'src/participants/depot/ARCHITECTURE.md': NOTE,
  'src/projections/index.ts': "export { parcelRows } from './parcels/index.ts';\n",
  'src/projections/parcels/index.ts': "export { parcelRows } from './rows.ts';\n",
  'src/projections/parcels/rows.ts': "import { delivered } from '#contracts';\nexport const parcelRows = [delivered.name];\n",
  'src/adapters/kafka/index.ts': "export { openLog } from './open-log.ts';\n",
  'src/adapters/kafka/open-log.ts': "import { Kafka } from 'kafkajs';\nimport { courier } from '#participants/courier';\nexport const openLog = (): unknown => [Kafka, courier];\n",
  'src/adapters/postgres/index.ts': "export const openDatabase = (): string => 'open';\n",
  'src/simulators/support/index.ts': "export { serve } from './serve.ts';\n",
  'src/simulators/support/serve.ts': "import { createServer } from 'node:http';\nexport const serve = createServer;\n",
  'src/simulators/alpaca/index.ts': "export { alpaca } from './alpaca.ts';\n",
  'src/simulators/alpaca/alpaca.ts': "import { serve } from '../support/index.ts';\nexport const alpaca = { serve };\n",
  'src/simulators/deribit/index.ts': "export const deribit = 'deribit';\n",
  'src/apps/client/index.ts': "export { runTask } from '#saga-core/runtime';\n",
  'src/apps/demo/main.ts': [
    "import { openLog } from '#adapters/kafka';",
    "import { parcelRows } from '#projections/parcels';",
    "import { alpaca } from '#simulators/alpaca';",
    "import { runTask } from '#saga-core/runtime';",
    'await runTask({ nowMillis: () => Date.now() });',
    'console.log(openLog(), alpaca, parcelRows);\n',
  ].join('\n'),
  'test/support/strip-types.mjs': 'export default {};\n',
  'test/architecture/exemptions.json': '{ "suppressions": {}, "sizeWarnings": {}, "faults": {} }\n',
  'schemas/topics.yaml': 'topics: []\n',
  'schemas/core/Envelope.avsc': JSON.stringify(ENVELOPE),
  'schemas/trading/parcel.delivered.avsc': JSON.stringify(EVENT),
  'schemas/fixtures/envelope.v1.json': '{}\n',
  'schemas/fixtures/parcel.delivered.v1.json': '{}\n',
  'docs/reference/errors.md': '# Error codes\n\n| code | action | what happened | what to do |\n|---|---|---|---|\n| `PARCEL_TOO_HEAVY` | refusal | more than 30 kg | send two |\n',
  'README.md': '# Parcels\n\nRun `npm test`; see [the codes](docs/reference/errors.md).\n',
  'CONTRIBUTING.md': '# Contributing\n',
  'GLOSSARY.md': '# Glossary\n',
  'SECURITY.md': '# Security\n',
  'CHANGELOG.md': '# Changelog\n',
  LICENSE: 'Apache\n',
  // Packages that only the import law looks at: one declared, one for development, one that nobody declared.
  'node_modules/@jest/globals/package.json': '{ "name": "@jest/globals", "version": "30.0.0", "main": "index.js", "types": "index.d.ts" }',
  'node_modules/@jest/globals/index.js': '',
  'node_modules/@jest/globals/index.d.ts': 'export declare const test: (name: string, body: () => void) => void;\nexport declare const expect: (value: unknown) => { readonly toBe: (other: unknown) => void };\n',
  'node_modules/kafkajs/package.json': '{ "name": "kafkajs", "version": "2.2.4", "main": "index.js", "types": "index.d.ts" }',
  'node_modules/kafkajs/index.js': 'exports.Kafka = class {};\n',
  'node_modules/kafkajs/index.d.ts': 'export declare const Kafka: unknown;\n',
  'node_modules/fast-check/package.json': '{ "name": "fast-check", "version": "4.0.0", "main": "index.js", "types": "index.d.ts" }',
  'node_modules/fast-check/index.js': 'exports.check = 1;\n',
  'node_modules/fast-check/index.d.ts': 'export declare const check: number;\n',
  'node_modules/stowaway/package.json': '{ "name": "stowaway", "version": "1.0.0", "main": "index.js", "types": "index.d.ts" }',
  'node_modules/stowaway/index.js': 'exports.free = 1;\n',
  'node_modules/stowaway/index.d.ts': 'export declare const free: number;\n',
};

/** What a front door gives out has a docstring. */
const explained = ([path, text]) => [path, path.startsWith('src/') && path.endsWith('.ts') ? text.replace(/^export (const|type|class)/gm, '/** Said. */\nexport $1') : text];
export const BASE = Object.fromEntries(Object.entries(FILES).map(explained));
