import type { DataType, EventType } from '#contracts/core';
import { CodecError } from './codec-error.ts';
import type { RegistryClient } from './registry-client.ts';

export type AnyType = EventType<unknown> | DataType<unknown>;

/** Live topics (prefix included) that carry the type; asked for events only. */
export type TopicsOf = (typeName: string) => readonly string[];

/** What is registered: one subject with one schema. */
export type SchemaSubject = { readonly subject: string; readonly typeName: string; readonly schemaText: string };

/** The state of a subject against this build. */
export type SubjectState = SchemaSubject & (
  | { readonly status: 'registered'; readonly schemaId: number }
  | { readonly status: 'missing' }
  | { readonly status: 'incompatible'; readonly reasons: readonly string[] }
);

const REQUESTS_AT_ONCE = 8;
const LEVEL = 'FULL_TRANSITIVE';

export const mapConcurrently = async <Item, Value>(items: readonly Item[], limit: number, work: (item: Item) => Promise<Value>): Promise<readonly Value[]> => {
  const values = new Map<number, Value>();
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      if (item !== undefined) values.set(index, await work(item));
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return [...values].sort(([left], [right]) => left - right).map(([, value]) => value);
};

// avsc's own text of a schema drops defaults and unknown attributes: what is registered is the source.
export const schemaTextOf = (type: AnyType): string => JSON.stringify(type.schema);

/**
 * Subjects by TopicRecordNameStrategy, `<topic>-<full name>`; typed data inside records has no topic and its full name
 * for a subject. Throws CODEC_NO_TOPIC for an event that no topic carries.
 */
export const subjectsOf = (type: AnyType, topicsOf: TopicsOf): readonly SchemaSubject[] => {
  const schemaText = schemaTextOf(type);
  if (type.kind === 'data') return [{ subject: type.name, typeName: type.name, schemaText }];
  const topics = topicsOf(type.name);
  if (topics.length === 0) {
    throw new CodecError({ code: 'CODEC_NO_TOPIC', type: type.name, message: `no declared topic carries ${type.name}: add it to "carries" of a topic in schemas/topics.yaml` });
  }
  return topics.map((topic) => ({ subject: `${topic}-${type.name}`, typeName: type.name, schemaText }));
};

const allSubjects = (types: readonly AnyType[], topicsOf: TopicsOf): readonly SchemaSubject[] => types.flatMap((type) => subjectsOf(type, topicsOf));

/** Compares this build's schemas and the subjects' compatibility level with the registry, changing nothing. */
export const checkSchemas = (registry: RegistryClient, types: readonly AnyType[], topicsOf: TopicsOf): Promise<readonly SubjectState[]> =>
  mapConcurrently(allSubjects(types, topicsOf), REQUESTS_AT_ONCE, async (entry): Promise<SubjectState> => {
    const schemaId = await registry.lookup(entry.subject, entry.schemaText);
    if (schemaId !== null) {
      const level = await registry.compatibility(entry.subject);
      if (level === LEVEL) return { ...entry, status: 'registered', schemaId };
      return { ...entry, status: 'incompatible', reasons: [`its compatibility level is ${level ?? 'the default of the registry'} and must be ${LEVEL}: run \`chorus schemas register\``] };
    }
    const reasons = await registry.incompatibilities(entry.subject, entry.schemaText);
    return reasons.length === 0 ? { ...entry, status: 'missing' } : { ...entry, status: 'incompatible', reasons };
  });

/** Sets FULL_TRANSITIVE on every subject, then registers its schema. Idempotent; the first refusal rejects. */
export const registerSchemas = async (registry: RegistryClient, types: readonly AnyType[], topicsOf: TopicsOf): Promise<readonly SubjectState[]> => {
  const entries = allSubjects(types, topicsOf);
  const existing = await registry.subjects();
  return mapConcurrently(entries, REQUESTS_AT_ONCE, async (entry): Promise<SubjectState> => {
    const known = existing.has(entry.subject) ? await registry.lookup(entry.subject, entry.schemaText) : null;
    // Before the first version, so that no version ever escapes the rule; and of a schema that somebody else registered.
    if (known === null || await registry.compatibility(entry.subject) !== LEVEL) await registry.setCompatibility(entry.subject, LEVEL);
    return { ...entry, status: 'registered', schemaId: known ?? await registry.register(entry.subject, entry.schemaText) };
  });
};

/** The ids of subjects that must exist. Rejects with REGISTRY_NOT_FOUND, naming every one that does not. */
export const lookupSchemas = async (registry: RegistryClient, types: readonly AnyType[], topicsOf: TopicsOf): Promise<readonly SubjectState[]> => {
  const states = await mapConcurrently(allSubjects(types, topicsOf), REQUESTS_AT_ONCE, async (entry): Promise<SubjectState> => {
    const schemaId = await registry.lookup(entry.subject, entry.schemaText);
    return schemaId === null ? { ...entry, status: 'missing' } : { ...entry, status: 'registered', schemaId };
  });
  const missing = states.filter((state) => state.status === 'missing').map((state) => state.subject);
  if (missing.length === 0) return states;
  throw new CodecError({ code: 'REGISTRY_NOT_FOUND', message: `the registry lacks this build's schema of ${missing.join(', ')}: run \`chorus schemas register\`` });
};
