import { createReadModels, type Database, type Snapshot } from '#adapters/postgres';
import type { ProjectionDefinition } from '#projections';
import type { SagaShape } from '#saga-core';
import type { Codec, EventLog } from '#saga-core/ports';
import { EntityChains } from './chains.ts';
import { Correlations, type UnjudgedType } from './correlations.ts';
import { Cycles, CYCLES_COMMANDS } from './cycles.ts';
import { foundElsewhere, readDeadLetters } from './elsewhere.ts';
import { Exposures, EXPOSURES_COMMANDS } from './exposures.ts';
import type { IsRefused } from './given-command.ts';
import { inputTopics, LogReading, POSITIONS_COMMANDS, stateTopics } from './log-reading.ts';
import { Positions } from './positions.ts';
import { type Range, rangesOf, readRange } from './read-log.ts';
import { ReadModelFold } from './read-models.ts';
import { VendorOrders } from './vendor-orders.ts';
import type { AuditViolation, Report } from './violation.ts';
import { Watermarks } from './watermarks.ts';

export type VerifyLogOptions = {
  readonly log: EventLog;
  readonly codec: Codec;
  /** Topic prefix. */
  readonly namespace: string;
  /** Every version of every saga that may lie on the log; instances of others are counted, not judged. */
  readonly definitions: readonly SagaShape[];
  /** With it, the stored read model of every projection is compared with a fold of the log; one that is not there is a violation. */
  readonly database?: Database;
  readonly projections?: readonly ProjectionDefinition[];
  /** Nothing runs any more: whatever has not ended, and does not wait for a person, is lost; and the read models hold everything. Default false. */
  readonly isFinished?: boolean;
  /** How long past its deadline an open instance may be silent; default 60 s. */
  readonly overdueMs?: number;
  /** Wall time, milliseconds since the epoch; default now. */
  readonly nowMs?: number;
};

export type LogVerification = {
  /** At most 1,000; `violationCount` counts all. */
  readonly violations: readonly AuditViolation[];
  readonly violationCount: number;
  readonly recordCount: number;
  readonly instanceCount: number;
  readonly openCount: number;
  /** Instances whose definition is not among those given: nobody knows whether they hold what they must, so the log is not clean. */
  readonly unjudgedCount: number;
  readonly unjudged: readonly UnjudgedType[];
  /** Reports that came after their saga was over and judged: they change nothing. */
  readonly lateCount: number;
  /** Compared read models with their rows. */
  readonly readModels: readonly { readonly name: string; readonly rowCount: number }[];
  readonly elapsedMs: number;
};

const VIOLATIONS_MAX = 1_000;
const OVERDUE_MS = 60_000;
const SAGAS = 'sagas';

type Ranges = ReadonlyMap<string, readonly Range[]>;
type Found = { readonly list: AuditViolation[]; count: number };

const sagaTopicsOf = (definitions: readonly SagaShape[]): ReadonlySet<string> => new Set(definitions.map((definition) => `sagas.${definition.context}`));

/** States last: an entity's head is then compared with all its records. */
const readAll = async (log: EventLog, ranges: Ranges, reading: LogReading): Promise<void> => {
  const isState = (topic: string): boolean => stateTopics.includes(topic);
  for (const wave of [[...ranges].filter(([topic]) => !isState(topic)), [...ranges].filter(([topic]) => isState(topic))]) {
    await Promise.all(wave.flatMap(([, each]) => each.map((range) => readRange(log, range, (record) => reading.take(record)))));
  }
};

/** What the engine that runs the sagas makes of an instance must be what its row says, where the row is of the log's end. */
const compareStatuses = (correlations: Correlations, sagas: ReadModelFold | undefined, report: Report): void => {
  for (const [key, status] of sagas === undefined ? [] : correlations.statuses) {
    const row = sagas?.row(SAGAS, key);
    const isEnd = status === 'COMPLETED' || status === 'FAILED' || status === 'REFUSED';
    if (row !== undefined && isEnd && row['ended_at'] !== null && row['status'] !== status) {
      report({ invariant: 'I7', instance: key, message: `read model sagas says ${String(row['status'])}, the fold of its records ${status}` });
    }
  }
};

/** Ends are taken in this order: on a log that grows meanwhile no state is then ahead of the records it counts. */
const allRanges = async (options: VerifyLogOptions, isComparing: boolean): Promise<Ranges> => {
  const { log, namespace, definitions, projections = [] } = options;
  const projected = isComparing ? projections.flatMap((projection) => projection.topics) : [];
  const ranges = new Map<string, readonly Range[]>();
  for (const topic of new Set([...stateTopics, ...inputTopics, ...sagaTopicsOf(definitions), ...projected])) ranges.set(topic, await rangesOf(log, `${namespace}.${topic}`));
  return ranges;
};

const startAtZero = (ranges: Ranges, topics: Iterable<string>): boolean => [...topics].every((topic) => (ranges.get(topic) ?? []).every((range) => range.start === 0));

/** What is told only when all is read: causes beside the saga topics, bad records without a dead letter. */
const reportElsewhere = async (options: VerifyLogOptions, correlations: Correlations, rest: { readonly reading: LogReading; readonly isWhole: boolean; readonly isRefused: IsRefused; readonly report: Report }): Promise<void> => {
  const { log, namespace } = options;
  const { reading, isWhole, isRefused, report } = rest;
  const elsewhere = await foundElsewhere(log, namespace, new Set(isWhole ? correlations.unknownCauses.keys() : []));
  for (const [eventId, { instance, message }] of isWhole ? correlations.unknownCauses : []) if (!elsewhere.has(eventId)) report({ invariant: 'I8', instance, message });
  for (const { topic, partition, offset, reason } of reading.bad) {
    if (!isRefused({ topic, partition, offset })) report({ invariant: 'I9', instance: null, message: `${topic}/${partition} offset ${offset} is in no dead letter and cannot be read: ${reason}` });
  }
};

/** What is stored of the read models, and why some are not. */
type Stored = { readonly snapshots: ReadonlyMap<string, Snapshot>; readonly absent: ReadonlyMap<string, string> };
const NOTHING_STORED: Stored = { snapshots: new Map(), absent: new Map() };

const foldsOf = ({ projections = [] }: VerifyLogOptions, { snapshots, absent }: Stored, report: Report): readonly ReadModelFold[] => {
  for (const [name, why] of absent) report({ invariant: 'I7', instance: null, message: `read model ${name}: there is none to compare, ${why}; a projector builds it` });
  return projections.flatMap((projection) => {
    const snapshot = snapshots.get(projection.name);
    return snapshot === undefined ? [] : [new ReadModelFold({ projection, snapshot, report })];
  });
};

const verify = async (options: VerifyLogOptions, stored: Stored): Promise<LogVerification> => {
  const startedAtMs = performance.now();
  const { log, codec, namespace, definitions, isFinished = false, overdueMs = OVERDUE_MS, nowMs = Date.now() } = options;
  const found: Found = { list: [], count: 0 };
  const report: Report = (violation) => {
    found.count++;
    if (found.list.length < VIOLATIONS_MAX) found.list.push(violation);
  };
  const folds = foldsOf(options, stored, report);
  const sagaTopics = sagaTopicsOf(definitions);
  const watermarks = await Watermarks.read({ log, codec, namespace, definitions });
  const ranges = await allRanges(options, folds.length > 0);
  const isWhole = startAtZero(ranges, sagaTopics);
  const vendorOrders = new VendorOrders({ report });
  const correlations = new Correlations({ definitions, report, vendorOrders, watermarks, nowMs, overdueMs, isFinished, isWhole });
  const chains = new EntityChains({ report, isWhole });
  const positions = new Positions({ report, areSplitsWhole: startAtZero(ranges, [POSITIONS_COMMANDS]) });
  const exposures = new Exposures({ report, isWhole: isWhole && startAtZero(ranges, [EXPOSURES_COMMANDS]) });
  const cycles = new Cycles({ report, statuses: correlations.statuses, isWhole: isWhole && startAtZero(ranges, [CYCLES_COMMANDS]) });
  const reading = new LogReading({ codec, namespace, sagaTopics, correlations, chains, positions, exposures, cycles, vendorOrders, folds, report });
  await readAll(log, ranges, reading);
  const isRefused = await readDeadLetters(log, namespace);
  for (const judge of [correlations, chains, positions]) judge.finish();
  for (const judge of [exposures, cycles]) judge.finish(isRefused);
  watermarks.check(correlations.open, { report, isComplete: correlations.counts.unjudgedCount === 0 });
  await reportElsewhere(options, correlations, { reading, isWhole, isRefused, report });
  compareStatuses(correlations, folds.find((fold) => fold.name === SAGAS), report);
  for (const fold of folds) {
    if (isFinished) fold.checkReached();
    await fold.compare();
  }
  return {
    violations: found.list,
    violationCount: found.count,
    recordCount: reading.recordCount,
    ...correlations.counts,
    unjudged: correlations.unjudged,
    readModels: folds.map(({ name, rowCount }) => ({ name, rowCount })),
    elapsedMs: Math.round(performance.now() - startedAtMs),
  };
};

/**
 * Reads the log from its start and checks everything that must hold of it: one outcome and one end, the order of steps, undoing in
 * reverse, chains without gap or edit, one partition and a known cause, one order per client order id, positions as the sums of their fills,
 * exposure as their sum, one cycle per symbol, nothing lost, watermarks that a restart can rely on; and
 * that the stored read models are the fold of the log. It holds what is open or just
 * over, of everything else ids, fills, statuses and assessments, and the read models: memory grows with the log.
 */
export const verifyLog = async (options: VerifyLogOptions): Promise<LogVerification> => {
  const { database, projections = [], namespace } = options;
  if (database === undefined || projections.length === 0) return verify(options, NOTHING_STORED);
  return createReadModels({ database, namespace }).snapshot(projections, (snapshots, absent) => verify(options, { snapshots, absent }));
};
