import { hash } from 'node:crypto';
import type { RecordToWrite } from '../ports/index.ts';
import type { TaskEnvironment } from './task-environment.ts';
import { partitionFor } from '#kernel';

type Original = { readonly topic: string; readonly partition: number; readonly offset: number; readonly key: Uint8Array | string | null; readonly value: Uint8Array | null; readonly headers: Readonly<Record<string, Uint8Array | string>>; readonly isBare?: boolean };

/** The original bytes and headers (left out where the log refused even these) under the original key; where they came from and why in headers. */
export const deadLetter = (environment: TaskEnvironment, participant: string, original: Original, reason: string): RecordToWrite => {
  const topic = environment.names.deadLetters;
  const key = original.key === null || typeof original.key === 'string' ? original.key : Buffer.from(original.key).toString('utf8');
  return {
    topic,
    partition: partitionFor(key ?? '', environment.partitionsOf(topic)),
    key,
    value: original.isBare === true ? null : original.value,
    headers: {
      ...(original.isBare === true ? { 'dead-letter-sha256': digestOf(original.value) } : textsOf(original.headers)),
      'dead-letter-reason': reason,
      'dead-letter-topic': original.topic,
      'dead-letter-partition': String(original.partition),
      'dead-letter-offset': String(original.offset),
      'dead-letter-group': participant,
      'dead-letter-bytes': String(original.value?.length ?? 0),
    },
    timestampMs: environment.clock.nowMillis(),
  };
};

/** Of bytes that are nowhere else: whoever finds them again can tell that they are these. */
export const digestOf = (value: Uint8Array | null): string => hash('sha256', value ?? new Uint8Array(), 'hex');

const textsOf = (headers: Original['headers']): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : Buffer.from(value).toString('utf8')]));

/** Of records that the log refuses for good. They lie nowhere, hence offset -1. */
export const deadLettersOf = (environment: TaskEnvironment, participant: string, refused: { readonly records: readonly RecordToWrite[]; readonly message: string; readonly isBare: boolean }): readonly RecordToWrite[] =>
  refused.records.map((record) => deadLetter(environment, participant, { ...record, offset: -1, isBare: refused.isBare }, `refused by the log: ${refused.message}`));
