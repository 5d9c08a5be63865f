import { instanceKey, type SagaShape } from '#saga-core';
import type { Codec, EventLog } from '#saga-core/ports';
import { watermarkOf } from '#saga-core/runtime';
import type { AuditedRecord } from '#saga-core/testing';
import { type CheckpointsRead, readCheckpoints } from './checkpoints.ts';
import { rangesOf } from './read-log.ts';
import type { Report } from './violation.ts';

/** A committed position of a participant on a saga partition, with the watermark that its metadata tells. */
type Watermark = {
  readonly participant: string;
  readonly context: string;
  readonly topic: string;
  readonly partition: number;
  /** Everything before it was folded. */
  readonly position: number;
  /** Where recovery begins to read. */
  readonly offset: number;
  readonly logStart: number;
};

/** An instance that is open as its records tell: where its start lies, and its records, by offset. */
export type OpenInstance = { readonly key: string; readonly topic: string; readonly partition: number; readonly type: string; readonly startOffset: number; readonly offsets: readonly number[] };

/** All records of one id, its sub-sagas' included, in order. */
type Correlation = { readonly topic: string; readonly partition: number; readonly records: readonly AuditedRecord[] };

const ENDS: ReadonlySet<string> = new Set(['chorus.SagaCompleted', 'chorus.SagaFailed', 'chorus.SagaRefused']);

/** Participants of each saga type: who owns a step, and who begins it. */
const participantsOf = (definitions: readonly SagaShape[]): ReadonlyMap<string, ReadonlySet<string>> => {
  const found = new Map<string, Set<string>>();
  for (const { type, initiator, steps } of definitions) {
    const known = found.get(type) ?? new Set<string>();
    found.set(type, known);
    for (const participant of [initiator, ...Object.values(steps).map(({ owner }) => owner)]) known.add(participant);
  }
  return found;
};

export type WatermarksOptions = { readonly log: EventLog; readonly codec: Codec; readonly namespace: string; readonly definitions: readonly SagaShape[] };

type State = {
  readonly watermarks: readonly Watermark[];
  /** By `participant.context`. */
  readonly checkpoints: ReadonlyMap<string, CheckpointsRead>;
  readonly participants: ReadonlyMap<string, ReadonlySet<string>>;
  readonly starts: ReadonlySet<string>;
};

const NO_CHECKPOINTS: CheckpointsRead = { before: new Map(), after: new Map(), faults: [] };

/**
 * I10, in both directions. A watermark passes no record that recovery needs: of an open instance without checkpoint its start, of
 * one with a checkpoint its first record after what the checkpoint was folded to. And it lies no further back than the first record
 * that, when the position was committed, some open instance needed. Read before anything else, positions between two looks at the
 * checkpoints: whatever the later look tells has then happened within the log that is read afterwards, and whatever the earlier one
 * told the committer of the position knew.
 */
export class Watermarks {
  readonly #state: State;
  /** First record that an instance needed which was open at the position; the position itself where none did. */
  readonly #floors: Map<Watermark, number>;

  private constructor(state: State) {
    this.#state = state;
    this.#floors = new Map(state.watermarks.map((watermark) => [watermark, watermark.position]));
  }

  static async read(options: WatermarksOptions): Promise<Watermarks> {
    const { log, namespace, definitions } = options;
    const participants = participantsOf(definitions);
    const everybody = [...new Set([...participants.values()].flatMap((each) => [...each]))];
    const watermarks: Watermark[] = [];
    const checkpoints = new Map<string, CheckpointsRead>();
    for (const context of new Set(definitions.map((definition) => definition.context))) {
      for (const participant of everybody) {
        const topic = `${namespace}.checkpoints.${participant}.${context}`;
        const before = await rangesOf(log, topic);
        const found = await watermarksOf(options, context, participant);
        watermarks.push(...found);
        if (found.length > 0) checkpoints.set(`${participant}.${context}`, await readCheckpoints(options, topic, before));
      }
    }
    return new Watermarks({ watermarks, checkpoints, participants, starts: new Set(definitions.map(({ start }) => start.name)) });
  }

  /** Takes account of who was open at each position. Cheap for what had ended by then. */
  note(correlation: Correlation): void {
    for (const watermark of this.#state.watermarks) {
      if (watermark.topic !== correlation.topic || watermark.partition !== correlation.partition) continue;
      if ((correlation.records[0]?.offset ?? Number.POSITIVE_INFINITY) >= (this.#floors.get(watermark) ?? 0)) continue;
      const needed = this.#neededOf(correlation.records, watermark);
      if (needed < (this.#floors.get(watermark) ?? 0)) this.#floors.set(watermark, needed);
    }
  }

  /** `open`: at the log's end. `isComplete`: every instance on the log was noted, and its definition is known. */
  check(open: readonly OpenInstance[], { report, isComplete }: { readonly report: Report; readonly isComplete: boolean }): void {
    for (const { faults } of this.#state.checkpoints.values()) for (const fault of faults) report({ invariant: 'I10', instance: null, message: `${fault}: no takeover gets past it` });
    for (const watermark of this.#state.watermarks) {
      const { participant, topic, partition, offset, logStart } = watermark;
      const of = `the watermark of ${participant} on ${topic}/${partition} is ${offset}`;
      for (const instance of open) this.#checkOpen(watermark, instance, (message) => report({ invariant: 'I10', instance: instance.key, message: `${of}, but ${message}` }));
      const floor = this.#floors.get(watermark) ?? offset;
      if (offset < logStart) report({ invariant: 'I10', instance: null, message: `${of}, but the log begins at ${logStart}: a takeover is refused` });
      else if (isComplete && offset < floor) report({ invariant: 'I10', instance: null, message: `${of}, but at its position ${watermark.position} no open instance needed a record before ${floor}: recovery reads further back than it must` });
    }
  }

  #checkOpen({ participant, context, topic, partition, offset }: Watermark, { key, type, startOffset, offsets, ...at }: OpenInstance, say: (message: string) => void): void {
    if (at.topic !== topic || at.partition !== partition || !this.#takesPart(participant, type)) return;
    const foldedTo = (this.#state.checkpoints.get(`${participant}.${context}`) ?? NO_CHECKPOINTS).after.get(key);
    if (foldedTo === undefined) {
      if (startOffset < offset) say(`the instance began at ${startOffset}, is open and has no checkpoint: a restart would lose it`);
      return;
    }
    const missed = offsets.find((each) => each > foldedTo);
    if (missed !== undefined && missed < offset) say(`the instance's checkpoint holds what came up to ${foldedTo}, and its next record lies at ${missed}: a restart would miss it`);
  }

  #takesPart(participant: string, type: string): boolean {
    return this.#state.participants.get(type)?.has(participant) === true;
  }

  /** The first record that recovery needed of these instances; infinity where it needed none. Where in doubt, the earlier one. */
  #neededOf(records: readonly AuditedRecord[], { participant, context, position }: Watermark): number {
    const { before } = this.#state.checkpoints.get(`${participant}.${context}`) ?? NO_CHECKPOINTS;
    const read = records.filter((record) => record.offset < position);
    // The end of a child is remembered until its parent has answered it: while the root is open, all count.
    const isRootOpen = this.#isOpen(read.filter(({ envelope }) => envelope.subSaga === null));
    const byKey = Map.groupBy(read, ({ envelope }) => instanceKey(envelope.correlationId ?? '', envelope.subSaga));
    let needed = Number.POSITIVE_INFINITY;
    for (const [key, own] of byKey) {
      const takesPart = own.some(({ envelope }) => this.#takesPart(participant, envelope.subSaga ?? envelope.sagaType ?? ''));
      if (!takesPart || !(isRootOpen || this.#isOpen(own))) continue;
      const foldedTo = before.get(key) ?? -1;
      needed = Math.min(needed, own.find(({ offset }) => offset > foldedTo)?.offset ?? Number.POSITIVE_INFINITY);
    }
    return needed;
  }

  /** Begun, and not ended since: an id that was used before may be used again. */
  #isOpen(records: readonly AuditedRecord[]): boolean {
    const last = records.findLast(({ type }) => ENDS.has(type) || this.#state.starts.has(type));
    return last === undefined || !ENDS.has(last.type);
  }
}

const watermarksOf = async ({ log, namespace }: WatermarksOptions, context: string, participant: string): Promise<readonly Watermark[]> => {
  const topic = `sagas.${context}`;
  const found: Watermark[] = [];
  for (const { partition, start: logStart } of await rangesOf(log, `${namespace}.${topic}`)) {
    const position = await log.committedPosition(`${namespace}.${participant}`, { topic: `${namespace}.${topic}`, partition });
    const watermark = watermarkOf(position?.metadata ?? '');
    if (position !== null && watermark !== null) found.push({ participant, context, topic, partition, position: position.offset, offset: watermark, logStart });
  }
  return found;
};
