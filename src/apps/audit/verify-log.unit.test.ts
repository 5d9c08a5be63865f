import { beforeAll, expect, test } from '@jest/globals';
import { marketSplitDetected, orchestratorTradeRequested, type OrchestratorTradeRequested, tradeOrderSubmitted, tradePositionUpdated, type TradePositionUpdated } from '#contracts';
import type { EventType } from '#contracts/core';
import type { Codec, EventLog, LogRecord } from '#saga-core/ports';
import { aiDecision } from '#sagas/ai-decision';
import { orderExecution } from '#sagas/order-execution';
import { signalToExecution } from '#sagas/signal-to-execution';
import { createStaticLog } from '../../../test/support/static-log.ts';
import { TradingWorld } from '../../../test/support/trading-world.ts';
import { verifyLog } from './index.ts';

const DEFINITIONS = [signalToExecution, aiDecision, orderExecution];
const TOPIC = 'sim.sagas.trading';
const PARTITIONS = 2;
let stored: { readonly records: readonly LogRecord[]; readonly codec: Codec };
let nowMs = 0;

beforeAll(async () => {
  const world = await TradingWorld.open();
  for (const number of [1, 2, 3]) {
    const id = await world.quote(`q${number}`, { symbol: number === 3 ? 'MSFT' : 'AAPL' });
    await world.until(id, 'COMPLETED');
  }
  await world.publish('s1', 'AAPL', { type: marketSplitDetected, payload: { symbol: 'AAPL', ratio: '4', effectiveDate: '2020-08-31', source: 'test' } });
  await world.clock.advance(5_000);
  const after = await world.quote('q4');
  await world.until(after, 'COMPLETED');
  world.broker.behaviour.submissions.push({ status: 'refused', httpStatus: 403, brokerCode: '40310000', reason: 'forbidden' });
  await world.until(await world.quote('q5'), 'FAILED');
  world.order({ limitPrice: '0', orderType: 'limit' }, 'm-refused');
  await world.clock.advance(5_000);
  stored = world.stored();
  nowMs = world.clock.nowMillis();
}, 60_000);

const decoded = (record: LogRecord) => {
  const event = stored.codec.decode(record.value ?? new Uint8Array());
  if (event.status !== 'decoded') throw new Error('undecodable');
  return event;
};
const typeOf = (record: LogRecord): string => (record.topic === TOPIC ? decoded(record).type : '');
const audited = (records: readonly LogRecord[], options: { readonly nowMs?: number; readonly isFinished?: boolean; readonly log?: EventLog } = {}) =>
  verifyLog({ log: options.log ?? createStaticLog(records, PARTITIONS), codec: stored.codec, namespace: 'sim', definitions: DEFINITIONS, nowMs: options.nowMs ?? nowMs, isFinished: options.isFinished ?? false });
const invariantsOf = async (records: readonly LogRecord[]): Promise<readonly string[]> => [...new Set((await audited(records)).violations.map(({ invariant }) => invariant))].sort();

const without = (type: string): readonly LogRecord[] => {
  const at = stored.records.findIndex((record) => typeOf(record) === type);
  if (at < 0) throw new Error(`no ${type}`);
  return stored.records.toSpliced(at, 1);
};
/** The record again, at the end of its partition. */
const repeated = (type: string): readonly LogRecord[] => {
  const original = stored.records.find((record) => typeOf(record) === type);
  if (original === undefined) throw new Error(`no ${type}`);
  return [...stored.records, { ...original, offset: 1_000_000 }];
};

/** The log with one record's payload changed; chains break, too. */
const edited = <Payload>(type: EventType<Payload>, change: (payload: Payload) => NoInfer<Payload>): readonly LogRecord[] => {
  const at = stored.records.findIndex((record) => typeOf(record) === type.name);
  const original = stored.records[at];
  if (original === undefined) throw new Error(`no ${type.name}`);
  const { envelope, payload } = decoded(original);
  return stored.records.with(at, { ...original, value: stored.codec.encode(type, envelope, change(payload() as Payload)) });
};
const messagesOf = async (records: readonly LogRecord[], invariant: string): Promise<string> =>
  (await audited(records)).violations.filter((violation) => violation.invariant === invariant).map(({ message }) => message).join('\n');
/** Commands of this type to an entity. */
const commandsTo = (entity: string, type: string): readonly LogRecord[] =>
  stored.records.filter((record) => record.topic === `sim.entities.${entity}.commands` && record.value !== null && decoded(record).type === type);
const firstOf = (records: readonly LogRecord[]): LogRecord => {
  const [first] = records;
  if (first === undefined) throw new Error('no such record');
  return first;
};

test('what the participants write holds every invariant, a split between two fills included', async () => {
  const result = await audited(stored.records, { isFinished: true });
  expect(result.violations).toEqual([]);
  expect(result.instanceCount).toBe(16);
  expect([result.openCount, result.unjudgedCount]).toEqual([0, 0]);
});

test.each([
  ['outcome', 'trade.position.updated', ['CHAIN', 'I1', 'I3', 'I6']],
  ['terminal record', 'chorus.SagaCompleted', ['I9']],
  ['start record', 'chorus.SagaStarted', ['CHAIN', 'I3', 'I9']],
  ['record of a child', 'chorus.OrderPlacedEvent', ['CHAIN', 'I8']],
])('a lost %s is seen', async (_, type, expected) => {
  expect(await invariantsOf(without(type))).toEqual(expect.arrayContaining(expected));
});

test('a repeated outcome and a second end are seen', async () => {
  expect(await invariantsOf(repeated('trade.order.submitted'))).toEqual(expect.arrayContaining(['CHAIN', 'I1', 'I2']));
  expect(await invariantsOf(repeated('chorus.SagaCompleted'))).toEqual(expect.arrayContaining(['CHAIN', 'I2']));
});

test('a record that was edited is seen by the hash of its successor, and a false fill by the position too', async () => {
  const at = stored.records.findIndex((record) => typeOf(record) === tradePositionUpdated.name);
  const original = stored.records[at];
  if (original === undefined) throw new Error('no fill');
  const { envelope, payload } = decoded(original);
  const value = stored.codec.encode(tradePositionUpdated, envelope, { ...(payload() as TradePositionUpdated), qty: '11' });
  expect(await invariantsOf(stored.records.with(at, { ...original, value }))).toEqual(expect.arrayContaining(['CHAIN', 'I6']));
});

test('a record on another partition than the others is seen', async () => {
  const at = stored.records.findIndex((record) => typeOf(record) === 'ai.decision.generated');
  const original = stored.records[at];
  if (original === undefined) throw new Error('no decision');
  expect(await invariantsOf(stored.records.with(at, { ...original, partition: 1 - original.partition, offset: 500_000 }))).toContain('I8');
});

test('an open instance is alive until its deadline, and lost after it', async () => {
  const open = stored.records.filter((record) => typeOf(record) !== 'chorus.SagaCompleted' || decoded(record).envelope.subSaga !== null);
  const alive = await audited(open);
  expect(alive.violations.filter(({ invariant }) => invariant === 'I9')).toEqual([]);
  expect(alive.openCount).toBeGreaterThan(0);
  const lost = await audited(open, { nowMs: nowMs + 10_000_000 });
  expect(lost.violations.filter(({ invariant }) => invariant === 'I9').length).toBe(lost.openCount);
});

test('a record that nobody can decode must lie in dead letters', async () => {
  const bad: LogRecord = { topic: TOPIC, partition: 0, offset: 2_000_000, timestampMs: nowMs, key: null, value: Uint8Array.from([7, 7]), headers: {} };
  expect((await audited([...stored.records, bad])).violations).toMatchObject([{ invariant: 'I9' }]);
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const letter: LogRecord = { ...bad, topic: 'sim.dead-letters', offset: 0, headers: { 'dead-letter-topic': bytes(TOPIC), 'dead-letter-partition': bytes('0'), 'dead-letter-offset': bytes('2000000') } };
  expect((await audited([...stored.records, bad, letter])).violations).toEqual([]);
});

test.each(['entities.cycles.commands', 'market.quotes'])('a record on %s that nobody can decode must lie in dead letters, too', async (topic) => {
  const bad: LogRecord = { topic: `sim.${topic}`, partition: 0, offset: 2_000_000, timestampMs: nowMs, key: null, value: Uint8Array.from([7, 7]), headers: {} };
  expect((await audited([...stored.records, bad])).violations).toMatchObject([{ invariant: 'I9', message: expect.stringContaining(`${topic}/0 offset 2000000`) }]);
});

test('a step of a failed saga that was not undone is seen', async () => {
  expect(await messagesOf(without('chorus.CompensationCompleted'), 'I4')).not.toBe('');
});

test('two orders at the venue under one client order id are seen', async () => {
  expect(await messagesOf(edited(tradeOrderSubmitted, (payload) => ({ ...payload, order_id: 'another' })), 'I5')).toMatch(/client order id .* has two orders at the venue/);
});

test('an exposure that is not the sum of positions and reservations is seen, before and after a trade', async () => {
  const told = (change: Partial<OrchestratorTradeRequested['riskCheck']>) =>
    messagesOf(edited(orchestratorTradeRequested, (payload) => ({ ...payload, riskCheck: { ...payload.riskCheck, ...change } })), 'I6');
  expect(await told({ exposureBefore: '7' })).toMatch(/before the trade is told as 7, positions and reservations come to 0/);
  expect(await told({ exposureAfter: '7' })).toMatch(/after the trade is told as 7, it comes to 1000/);
  const lost = firstOf(commandsTo('exposures', 'chorus.NotePositionCommand'));
  expect(await messagesOf(stored.records.filter((record) => record !== lost), 'I6')).toMatch(/positions and reservations come to/);
});

test('commands that went to dead letters changed nothing', async () => {
  const original = firstOf(commandsTo('exposures', 'chorus.NotePositionCommand'));
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const later = stored.records.filter(({ topic, partition }) => topic === original.topic && partition === original.partition).map(({ offset }) => offset);
  const refused: LogRecord = { ...original, offset: Math.max(...later) + 1 };
  const letter: LogRecord = { ...refused, topic: 'sim.dead-letters', offset: 0, headers: { 'dead-letter-topic': bytes(refused.topic), 'dead-letter-partition': bytes(String(refused.partition)), 'dead-letter-offset': bytes(String(refused.offset)) } };
  expect((await audited([...stored.records, refused, letter])).violations).toEqual([]);
});

test('a cycle that begins while another of its symbol is not released is seen, and one that is started twice', async () => {
  const released = firstOf(commandsTo('cycles', 'chorus.ReleaseCycleCommand').filter(({ key }) => new TextDecoder().decode(key ?? new Uint8Array()) === 'AAPL'));
  expect(await messagesOf(stored.records.filter((record) => record !== released), 'I6')).toMatch(/cycle c-.* of AAPL begins while c-.* holds it/);
  expect(await messagesOf(repeated('orchestrator.cycle.started'), 'I6')).toMatch(/is started twice/);
});

test('a cycle that is released while its saga runs is seen', async () => {
  const at = stored.records.findIndex((record) => typeOf(record) === 'chorus.SagaCompleted' && decoded(record).envelope.subSaga === null);
  expect(await messagesOf(stored.records.toSpliced(at, 1), 'I6')).toMatch(/is released, but RUNNING/);
});
