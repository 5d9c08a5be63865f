import type { SagaShape } from '#saga-core';
import type { EventLog, LogRecord } from '#saga-core/ports';
import { watermarkOf } from '#saga-core/runtime';
import { rangesOf, readRange } from './read-log.ts';
import type { Report } from './violation.ts';

/** A committed position of a participant on a saga partition, with the watermark that its metadata tells. */
type Watermark = { readonly participant: string; readonly context: string; readonly topic: string; readonly partition: number; readonly offset: number };

/** An instance that is open as its records tell: where its start lies. */
export type OpenInstance = { readonly key: string; readonly topic: string; readonly partition: number; readonly type: string; readonly startOffset: number };

const text = new TextDecoder();

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

export type WatermarksOptions = { readonly log: EventLog; readonly namespace: string; readonly definitions: readonly SagaShape[] };

/**
 * I10: a watermark never passes the start of an open instance that has no checkpoint. Read before anything else, positions first
 * and checkpoints second: whatever they tell has then happened within the log that is read afterwards.
 */
export class Watermarks {
  readonly #watermarks: readonly Watermark[];
  /** Keys of instances with a checkpoint, by `participant.context`. */
  readonly #checkpointed: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #participants: ReadonlyMap<string, ReadonlySet<string>>;

  private constructor(state: { readonly watermarks: readonly Watermark[]; readonly checkpointed: ReadonlyMap<string, ReadonlySet<string>>; readonly participants: ReadonlyMap<string, ReadonlySet<string>> }) {
    this.#watermarks = state.watermarks;
    this.#checkpointed = state.checkpointed;
    this.#participants = state.participants;
  }

  static async read(options: WatermarksOptions): Promise<Watermarks> {
    const participants = participantsOf(options.definitions);
    const everybody = [...new Set([...participants.values()].flatMap((each) => [...each]))];
    const watermarks: Watermark[] = [];
    for (const context of new Set(options.definitions.map((definition) => definition.context))) watermarks.push(...(await watermarksOf(options, context, everybody)));
    const checkpointed = new Map<string, ReadonlySet<string>>();
    for (const { participant, context } of watermarks) {
      const name = `${participant}.${context}`;
      if (!checkpointed.has(name)) checkpointed.set(name, await checkpointsOf(options, `${options.namespace}.checkpoints.${name}`));
    }
    return new Watermarks({ watermarks, checkpointed, participants });
  }

  check(open: readonly OpenInstance[], report: Report): void {
    for (const { participant, context, topic, partition, offset } of this.#watermarks) {
      const checkpointed = this.#checkpointed.get(`${participant}.${context}`);
      for (const instance of open) {
        if (instance.topic !== topic || instance.partition !== partition || instance.startOffset >= offset) continue;
        if (checkpointed?.has(instance.key) === true || this.#participants.get(instance.type)?.has(participant) !== true) continue;
        report({ invariant: 'I10', instance: instance.key, message: `the watermark of ${participant} on ${topic}/${partition} is ${offset}, but the instance began at ${instance.startOffset}, is open and has no checkpoint: a restart would lose it` });
      }
    }
  }
}

const watermarksOf = async ({ log, namespace }: WatermarksOptions, context: string, participants: readonly string[]): Promise<readonly Watermark[]> => {
  const topic = `sagas.${context}`;
  const found: Watermark[] = [];
  for (const { partition } of await rangesOf(log, `${namespace}.${topic}`)) {
    for (const participant of participants) {
      const position = await log.committedPosition(`${namespace}.${participant}`, { topic: `${namespace}.${topic}`, partition });
      const watermark = watermarkOf(position?.metadata ?? '');
      if (watermark !== null) found.push({ participant, context, topic, partition, offset: watermark });
    }
  }
  return found;
};

/** Keys with a checkpoint that counts: a tombstone takes it away. */
const checkpointsOf = async ({ log }: WatermarksOptions, topic: string): Promise<ReadonlySet<string>> => {
  const keys = new Set<string>();
  const take = (record: LogRecord): void => {
    const key = record.key === null ? '' : text.decode(record.key);
    if (record.value === null) keys.delete(key);
    else keys.add(key);
  };
  for (const range of await rangesOf(log, topic)) await readRange(log, range, take);
  return keys;
};
