import { readFileSync } from 'node:fs';
import { readHeader } from '#adapters/schema-registry';
import { allDataTypes, allEventTypes } from '#contracts';
import { erase } from '#kernel';
import type { SignalPayload } from '#saga-core/runtime';
import { CommandFailed, WrongUse } from './output.ts';

const STANDARD_INPUT = 0;

/** What a file holds; `-` is standard input. */
export const bytesOf = (file: string): Buffer => {
  try {
    return readFileSync(file === '-' ? STANDARD_INPUT : file);
  } catch (error) {
    throw new CommandFailed(`--input ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
};

/** The JSON value that a file holds. */
export const jsonOf = (file: string, bytes: Buffer): unknown => {
  try {
    return erase<unknown>(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw new CommandFailed(`--input ${file} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
};

/** JSON for a type of this build, which encodes it; or bytes that are encoded already: no JSON begins with their zero. */
export const signalPayload = (bytes: Buffer, { file, type }: { readonly file: string; readonly type: string }): SignalPayload => {
  if (readHeader(bytes).ok) return bytes;
  if (bytes.length === 0) throw new WrongUse(`--input ${file} is empty: JSON is expected; without --input the signal carries nothing`);
  const event = allEventTypes.find(({ name }) => name === type);
  if (event !== undefined) return { type: event, payload: jsonOf(file, bytes) };
  const data = allDataTypes.find(({ name }) => name === type);
  if (data !== undefined) return { type: data, value: jsonOf(file, bytes) };
  throw new WrongUse(`${JSON.stringify(type)} is no event and no typed data of this build, so nothing says how --input ${file} is encoded: name its type with --type, such as ${allEventTypes.find(({ name }) => name.includes('.'))?.name ?? ''}`);
};
