import { hash } from 'node:crypto';
import type { RecordToWrite } from '../ports/index.ts';
import { partitionFor } from '#kernel';
import type { Fault } from './caught.ts';
import type { TaskEnvironment } from './task-environment.ts';

type Original = { readonly topic: string; readonly partition: number; readonly offset: number; readonly key: Uint8Array | string | null; readonly value: Uint8Array | null; readonly headers: Readonly<Record<string, Uint8Array | string>>; readonly isBare?: boolean };

/** The original bytes and headers (left out where the log refused even these) under the original key; where they came from and why, with the stack of what was thrown, in headers. */
export const deadLetter = (environment: TaskEnvironment, participant: string, original: Original, { reason, cause }: Fault): RecordToWrite => {
  const topic = environment.names.deadLetters;
  const stack = original.isBare === true ? '' : stackOf(cause);
  const key = original.key === null || typeof original.key === 'string' ? original.key : Buffer.from(original.key).toString('utf8');
  return {
    topic,
    partition: partitionFor(key ?? '', environment.partitionsOf(topic)),
    key,
    value: original.isBare === true ? null : original.value,
    headers: {
      ...(original.isBare === true ? { 'dead-letter-sha256': digestOf(original.value) } : textsOf(original.headers)),
      'dead-letter-reason': reason,
      ...(stack === '' ? {} : { 'dead-letter-stack': stack }),
      'dead-letter-topic': original.topic,
      'dead-letter-partition': String(original.partition),
      'dead-letter-offset': String(original.offset),
      'dead-letter-group': participant,
      'dead-letter-bytes': String(original.value?.length ?? 0),
    },
    timestampMs: environment.clock.nowMillis(),
  };
};

/** Enough for some thirty frames; the header must not make a record too large that was not. */
const STACK_BYTES_MAX = 4_096;

/** Name and frames of what was thrown, in whole lines. Not its message, which is the reason, and bounded there. */
const stackOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return '';
  const lines = [cause.name, ...(cause.stack ?? '').split('\n').filter((line) => /^ {4}at /.test(line))];
  let bytes = -1;
  const tooMany = lines.findIndex((line) => (bytes += Buffer.byteLength(line) + 1) > STACK_BYTES_MAX);
  return (tooMany === -1 ? lines : lines.slice(0, tooMany)).join('\n');
};

/** Of bytes that are nowhere else: whoever finds them again can tell that they are these. */
export const digestOf = (value: Uint8Array | null): string => hash('sha256', value ?? new Uint8Array(), 'hex');

const textsOf = (headers: Original['headers']): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : Buffer.from(value).toString('utf8')]));

/** Of records that the log refuses for good. They lie nowhere, hence offset -1. */
export const deadLettersOf = (environment: TaskEnvironment, participant: string, refused: { readonly records: readonly RecordToWrite[]; readonly message: string; readonly isBare: boolean }): readonly RecordToWrite[] =>
  refused.records.map((record) => deadLetter(environment, participant, { ...record, offset: -1, isBare: refused.isBare }, { reason: `refused by the log: ${refused.message}` }));
