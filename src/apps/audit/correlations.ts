import { createObserver, type ObservedInstance } from '#saga-core/runtime';
import { type AuditedRecord, checkCauses, checkChains, checkInstance, type DefinitionLookup, historiesOf, type History, ledgerOf } from '#saga-core/testing';
import { instanceKey, type SagaShape } from '#saga-core';
import type { VendorOrders } from './vendor-orders.ts';
import type { Report } from './violation.ts';
import type { OpenInstance, Watermarks } from './watermarks.ts';

export type CorrelationsOptions = {
  readonly definitions: readonly SagaShape[];
  readonly report: Report;
  readonly vendorOrders: VendorOrders;
  readonly watermarks: Watermarks;
  readonly nowMs: number;
  /** An open instance whose deadline, or last sign of life where it has none, lies further back stands still. */
  readonly overdueMs: number;
  /** Everything was to end: whatever has not, and does not wait for a person, is lost. */
  readonly isFinished: boolean;
  /** Where the log's head is gone, first records are not what they seem: chains and causes may begin late. */
  readonly isWhole: boolean;
};

export type CorrelationCounts = { instanceCount: number; openCount: number; unjudgedCount: number; lateCount: number };
/** A saga type in a version that is not among the definitions given, and how many instances of it there are. */
export type UnjudgedType = { readonly type: string; readonly version: number; readonly instanceCount: number };

/** Records of one partition that pass before a saga that has ended is judged: what may come late (reports of a venue) comes within them. */
const LATE_RECORDS = 5_000;
const ENDS: ReadonlySet<string> = new Set(['chorus.SagaCompleted', 'chorus.SagaFailed', 'chorus.SagaRefused']);
const OF_LIFE = /^chorus\.(Step(Started|AttemptFailed|Completed|Failed)|Compensation(Requested|Completed|Failed)|Saga(Started|Completed|Failed|Quarantined))$/;

type Group = { readonly correlationId: string; readonly topic: string; readonly partition: number; readonly records: AuditedRecord[]; endedAt: number | null };
type Judged = { readonly topic: string; readonly partition: number };

const hasEnded = ({ status }: ObservedInstance): boolean => status === 'COMPLETED' || status === 'FAILED' || status === 'REFUSED';

/** Judges each saga when it is over and its partition has gone on; only what is open or just over is held. */
export class Correlations {
  readonly counts: CorrelationCounts = { instanceCount: 0, openCount: 0, unjudgedCount: 0, lateCount: 0 };
  readonly #options: CorrelationsOptions;
  readonly #groups = new Map<string, Group>();
  readonly #judged = new Map<string, Judged>();
  /** Ended groups by partition, oldest first, with how many records the partition had then. */
  readonly #ended = new Map<string, { readonly key: string; readonly atCount: number }[]>();
  readonly #seen = new Map<string, number>();
  readonly #lookup: DefinitionLookup;
  readonly #observe: ReturnType<typeof createObserver>;
  /** Status of every instance, as the engine folds it. */
  readonly statuses = new Map<string, string>();
  readonly #unjudged = new Map<string, { readonly type: string; readonly version: number; instanceCount: number }>();
  /** Instances that have not ended. */
  readonly open: OpenInstance[] = [];
  /** Causes that lie on no record of their own saga: looked for at the end. */
  readonly unknownCauses = new Map<string, { readonly instance: string; readonly message: string }>();

  constructor(options: CorrelationsOptions) {
    this.#options = options;
    const byVersion = new Map(options.definitions.map((definition) => [`${definition.type}@${definition.version}`, definition]));
    this.#lookup = (type, version) => byVersion.get(`${type}@${version}`);
    this.#observe = createObserver(options.definitions);
  }

  add(record: AuditedRecord): void {
    const { topic, partition, envelope } = record;
    const place = `${topic}/${partition}`;
    const seen = (this.#seen.get(place) ?? 0) + 1;
    this.#seen.set(place, seen);
    this.#judgeOld(place, seen);
    if (envelope.correlationId === null || envelope.sagaType === null) return;
    const key = `${topic} ${envelope.correlationId}`;
    const judged = this.#judged.get(key);
    if (judged !== undefined) this.#late(judged, record);
    else this.#keep(key, record, seen);
  }

  #keep(key: string, record: AuditedRecord, seen: number): void {
    const { topic, partition, envelope } = record;
    const group = this.#groups.get(key) ?? { correlationId: envelope.correlationId ?? '', topic, partition, records: [], endedAt: null };
    this.#groups.set(key, group);
    if (group.partition !== partition) this.#elsewhere(record, group.partition);
    group.records.push(record);
    if (envelope.subSaga !== null || !ENDS.has(record.type) || group.endedAt !== null) return;
    group.endedAt = seen;
    const place = `${topic}/${partition}`;
    const ended = this.#ended.get(place) ?? [];
    this.#ended.set(place, ended);
    ended.push({ key, atCount: seen });
  }

  /** Everything is read: judges what is left. */
  finish(): void {
    for (const [key, group] of this.#groups) this.#judge(key, group);
  }

  #judgeOld(place: string, seen: number): void {
    const ended = this.#ended.get(place);
    for (let oldest = ended?.[0]; oldest !== undefined && oldest.atCount + LATE_RECORDS <= seen; oldest = ended?.[0]) {
      ended?.shift();
      const group = this.#groups.get(oldest.key);
      if (group !== undefined) this.#judge(oldest.key, group);
    }
  }

  #late(judged: Judged, record: AuditedRecord): void {
    const { envelope, type, offset, partition } = record;
    this.counts.lateCount++;
    if (partition !== judged.partition) this.#elsewhere(record, judged.partition);
    const isOfLife = OF_LIFE.test(type) || envelope.outcome === 'completed';
    if (isOfLife) this.#options.report({ invariant: 'I2', instance: envelope.correlationId, message: `${type} of step ${envelope.stepName ?? '-'} at ${record.topic}/${partition} offset ${offset}, long after the saga's end` });
  }

  #elsewhere({ type, topic, partition, offset, envelope }: AuditedRecord, known: number): void {
    this.#options.report({ invariant: 'I8', instance: envelope.correlationId, message: `${type} at ${topic}/${partition} offset ${offset}, the others lie on partition ${known}` });
  }

  #judge(key: string, group: Group): void {
    const { report, isWhole, watermarks } = this.#options;
    this.#groups.delete(key);
    this.#judged.set(key, { topic: group.topic, partition: group.partition });
    const records = group.records.toSorted((left, right) => left.offset - right.offset);
    watermarks.note({ topic: group.topic, partition: group.partition, records });
    const histories = historiesOf(records, this.#lookup);
    this.#checkInstances(histories);
    // An entity's chain runs through many sagas and is followed elsewhere.
    const own = records.filter(({ envelope }) => envelope.chain.id === envelope.producer);
    for (const violation of checkChains(own)) report(violation);
    if (isWhole) this.#checkHeads(own);
    this.#checkCauses(records, histories);
    this.#checkLives(records, group.endedAt !== null);
  }

  #checkInstances(histories: readonly History[]): void {
    for (const history of histories) {
      const ledger = ledgerOf(history);
      this.counts.instanceCount++;
      if (ledger === null) {
        this.#countUnjudged(history);
        continue;
      }
      for (const violation of checkInstance(ledger)) this.#options.report(violation);
      this.#options.vendorOrders.check(ledger);
    }
  }

  #countUnjudged({ sagaType, records }: History): void {
    this.counts.unjudgedCount++;
    const version = records[0]?.envelope.definitionVersion ?? 1;
    const key = `${sagaType}@${version}`;
    const counted = this.#unjudged.get(key) ?? { type: sagaType, version, instanceCount: 0 };
    this.#unjudged.set(key, counted);
    counted.instanceCount++;
  }

  /** Which definitions are missing. */
  get unjudged(): readonly UnjudgedType[] {
    return [...this.#unjudged.values()];
  }

  #checkLives(records: readonly AuditedRecord[], isParentOver: boolean): void {
    const lastAtMs = records.at(-1)?.envelope.occurredAt ?? 0;
    const isParked = records.some((record) => record.type === 'chorus.InstanceParked');
    for (const instance of this.#observe(records)) {
      this.statuses.set(instance.key, instance.status);
      if (hasEnded(instance)) continue;
      this.counts.openCount++;
      this.#noteOpen(instance.key, records);
      if (instance.status === 'MANUAL_REQUIRED' || isParked) continue;
      // A parent ends after its children: one that is open then has lost its end.
      if (isParentOver) this.#options.report({ invariant: 'I9', instance: instance.key, message: `${instance.status}, but its parent has ended` });
      else this.#checkLife(instance, lastAtMs);
    }
  }

  #noteOpen(key: string, records: readonly AuditedRecord[]): void {
    const own = records.filter(({ envelope }) => instanceKey(envelope.correlationId ?? '', envelope.subSaga) === key);
    const start = own.find(({ type, envelope }) => this.#options.definitions.some((definition) => definition.type === (envelope.subSaga ?? envelope.sagaType) && definition.start.name === type));
    if (start === undefined) return;
    const { topic, partition, offset, envelope } = start;
    this.open.push({ key, topic, partition, type: envelope.subSaga ?? envelope.sagaType ?? '', startOffset: offset, offsets: own.map((record) => record.offset) });
  }

  /** Where nothing was deleted, a writer's first record of an instance is its number 1. */
  #checkHeads(records: readonly AuditedRecord[]): void {
    const first = new Map<string, AuditedRecord>();
    for (const record of records) {
      const { correlationId, subSaga, chain } = record.envelope;
      const name = `${correlationId ?? ''}/${subSaga ?? ''} ${chain.id}`;
      if ((first.get(name)?.envelope.chain.seq ?? Number.POSITIVE_INFINITY) > chain.seq) first.set(name, record);
    }
    for (const { envelope, type, offset } of first.values()) {
      if (envelope.chain.seq === 1) continue;
      this.#options.report({ invariant: 'CHAIN', instance: envelope.correlationId, message: `chain ${envelope.chain.id} of ${envelope.correlationId ?? '-'} begins with number ${envelope.chain.seq}: ${type} at ${offset}` });
    }
  }

  /** A cause that is none of the saga's own records may lie on another topic: told at the end, unless it is found. */
  #checkCauses(records: readonly AuditedRecord[], histories: readonly History[]): void {
    const missing: string[] = [];
    const found = checkCauses(histories, (eventId) => {
      missing.push(eventId);
      return true;
    });
    for (const violation of found) this.#options.report(violation);
    if (missing.length === 0) return;
    for (const { envelope, type, offset } of records) {
      const { causationId, correlationId } = envelope;
      if (causationId === null || !missing.includes(causationId)) continue;
      this.unknownCauses.set(causationId, { instance: correlationId ?? '', message: `${type} at ${offset} names ${causationId} as its cause, which does not exist` });
    }
  }

  #checkLife(instance: ObservedInstance, lastAtMs: number): void {
    const { report, nowMs, overdueMs, isFinished } = this.#options;
    const say = (message: string): void => report({ invariant: 'I9', instance: instance.key, message });
    if (isFinished) return say(`not ended: ${instance.status}`);
    // A running instance lives by its deadline or by a watch that has none; one that compensates by the retries of its compensations.
    const hasDeadline = instance.status === 'RUNNING' && instance.deadlineAtMs !== null;
    if (instance.status === 'RUNNING' && !hasDeadline && instance.openWatches.length > 0) return;
    const dueAtMs = hasDeadline ? Math.max(instance.deadlineAtMs ?? 0, lastAtMs) : lastAtMs;
    if (dueAtMs + overdueMs < nowMs) say(`${instance.status} and standing still: ${hasDeadline ? 'its deadline' : 'its last record'} was ${nowMs - dueAtMs} ms ago`);
  }
}
