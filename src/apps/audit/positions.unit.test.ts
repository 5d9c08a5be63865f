import { expect, test } from '@jest/globals';
import { applySplitCommand, type EntityState, orchestratorTradeRequested, positionState, tradePositionRolledBack, tradePositionUpdated } from '#contracts';
import { EMPTY_ENVELOPE } from '#saga-core/runtime';
import type { AuditedRecord } from '#saga-core/testing';
import { Positions } from './positions.ts';
import type { AuditViolation } from './violation.ts';

const KEY = 'acc:AAPL';

const record = (type: string, seq: number, payload: object): AuditedRecord => ({
  topic: 'sagas.trading', partition: 0, offset: seq, type, payload,
  envelope: { ...EMPTY_ENVELOPE, eventId: `e${seq}`, occurredAt: seq, producer: 'trading-engine', correlationId: 'c', chain: { id: `positions/${KEY}`, seq, prevHash: null } },
});
const filled = (seq: number, change: { readonly from: string; readonly to: string; readonly by: string }): AuditedRecord =>
  record(tradePositionUpdated.name, seq, { positionId: `pos-${KEY}`, accountId: 'acc', symbol: 'AAPL', prevQty: change.from, qty: change.to, fillQty: change.by, executionId: `x${seq}`, orderId: 'o' });
const rolledBack = (seq: number, executionId: string, restoredQty: string): AuditedRecord => record(tradePositionRolledBack.name, seq, { positionId: `pos-${KEY}`, orderId: 'o', executionId, restoredQty });

type Story = { readonly records: readonly AuditedRecord[]; readonly splits?: readonly (readonly [ratio: string, date: string])[]; readonly held: string; readonly heldSeq?: number; readonly areSplitsWhole?: boolean };

/** What is told of a position with these records, splits and last state; the records come in any order. */
const toldOf = ({ records, splits = [], held, heldSeq = 1_000, areSplitsWhole = true }: Story): readonly string[] => {
  const found: AuditViolation[] = [];
  const positions = new Positions({ report: (violation) => void found.push(violation), areSplitsWhole });
  for (const each of records.toReversed()) positions.add(each);
  for (const [ratio, effectiveDate] of splits) positions.command(KEY, applySplitCommand.name, { symbol: 'AAPL', ratio, effectiveDate });
  const state: EntityState = { entity: 'positions', key: KEY, state: new Uint8Array(), version: 1, observedAt: 0 };
  positions.state(state, heldSeq, () => ({ type: positionState.name, value: { qty: held } }));
  positions.finish();
  return found.map(({ message }) => message);
};

const BOUGHT = [filled(1, { from: '0', to: '10', by: '10' }), filled(2, { from: '10', to: '25.5', by: '15.5' })] as const;

test.each<[string, Story]>([
  ['fills that follow each other', { records: [...BOUGHT, filled(3, { from: '25.5', to: '0', by: '25.5' })], held: '0' }],
  ['a split between two fills', { records: [BOUGHT[0], filled(2, { from: '40', to: '50', by: '10' })], splits: [['4', '2020-08-31']], held: '50' }],
  ['a split that was sent twice', { records: [BOUGHT[0]], splits: [['4', '2020-08-31'], ['4', '2020-08-31']], held: '40' }],
  ['a split while nothing was held, and one that counts', { records: [BOUGHT[0]], splits: [['7', '2014-06-09'], ['4', '2020-08-31']], held: '40' }],
  ['a fill that the venue took back after a split', { records: [...BOUGHT, rolledBack(3, 'x1', '62')], splits: [['4', '2020-08-31']], held: '62' }],
  ['records that are newer than the state', { records: BOUGHT, held: '10', heldSeq: 1 }],
  ['a jump whose split retention has deleted', { records: [BOUGHT[0], filled(2, { from: '40', to: '50', by: '10' })], held: '50', areSplitsWhole: false }],
])('%s add up', (_, story) => {
  expect(toldOf(story)).toEqual([]);
});

test.each<[string, Story, RegExp]>([
  ['a lost fill', { records: [BOUGHT[0], filled(3, { from: '25.5', to: '30', by: '4.5' })], held: '30' }, /starts from 25\.5 where 10 was held/],
  ['a fill of another quantity', { records: [filled(1, { from: '0', to: '11', by: '10' })], held: '11' }, /of 10 moves it by 11/],
  ['a state that is not the sum', { records: BOUGHT, held: '25' }, /come to 25\.5, its entity holds 25/],
  ['a split by another ratio', { records: [BOUGHT[0]], splits: [['4', '2020-08-31']], held: '70' }, /its entity holds 70/],
  ['a fill that was never applied and is taken back', { records: [BOUGHT[0], rolledBack(2, 'x9', '0')], held: '0' }, /x9 is rolled back, but was never applied/],
  ['a fill that is taken back wrongly', { records: [...BOUGHT, rolledBack(3, 'x1', '10')], held: '10' }, /leaves 10, not 15\.5/],
])('%s is told', (...[, story, expected]) => {
  expect(toldOf(story).join('\n')).toMatch(expected);
});

test('a fill that is applied twice is told', () => {
  const again = { ...filled(2, { from: '10', to: '20', by: '10' }), payload: BOUGHT[0].payload };
  expect(toldOf({ records: [BOUGHT[0], again], held: '10' }).join('\n')).toContain('x1 is applied twice');
});

test('a purchase above the exposure limit is told, one at the limit and a sale are not', () => {
  const found: AuditViolation[] = [];
  const positions = new Positions({ report: (violation) => void found.push(violation), areSplitsWhole: true });
  const request = (seq: number, side: string, exposureAfter: string) => record(orchestratorTradeRequested.name, seq, { side, riskCheck: { exposureBefore: '900', exposureAfter, limits: { maxExposure: '1000' } } });
  for (const each of [request(1, 'buy', '1000.00'), request(2, 'sell', '1200'), request(3, 'buy', '1000.01')]) positions.add(each);
  expect(found).toMatchObject([{ invariant: 'I6', message: expect.stringContaining('trade requested at 3') }]);
});
