import type { Envelope, EventType } from '#contracts/core';
import { erase } from '#kernel';
import type { Change } from './change.ts';
import type { Columns, Table } from './table.ts';

/** A record as a projection sees it. */
export type Projected<Payload = unknown> = {
  /** Without the namespace. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string;
  readonly type: string;
  readonly envelope: Envelope;
  readonly payload: Payload;
  /** Typed bytes inside the payload. */
  readonly decodeData: (bytes: Uint8Array) => { readonly type: string; readonly value: unknown };
};

/** From a record to what it changes; pure. */
export type Mapping = (record: Projected) => readonly Change[];
/** A record type and its mapping, as `when` makes it. */
export type Handled = { readonly type: string; readonly map: Mapping };

/** What a record of this type does to the rows. Pure. */
export const when = <Payload>(type: EventType<Payload>, map: (record: Projected<Payload>) => readonly Change[]): Handled => ({
  type: type.name, map: erase<Mapping>(map),
});

/** A projection: which records it reads, its tables, and what each record does to them. */
export type ProjectionDefinition = {
  readonly kind: 'projection';
  readonly name: string;
  /** Raised with every change of tables or mappings: the read model is then built again from the log, beside the old one. */
  readonly version: number;
  /** Without the namespace. */
  readonly topics: readonly string[];
  readonly tables: readonly Table[];
  /** Views over the tables, which are named as `{table}`: readers meet them beside the tables. */
  readonly views: readonly { readonly name: string; readonly select: string }[];
  readonly handles: ReadonlyMap<string, Mapping>;
  /** Sees every record, before `handles`. */
  readonly every: Mapping | null;
};

/** A table of any columns, as a projection lists it. */
export type AnyTable = { readonly name: string; readonly columns: Columns; readonly key: readonly string[]; readonly indexes: readonly (readonly string[])[]; readonly isAppendOnly: boolean };

/** Declares a read model: pure mappings from records to rows. Tables and their migration follow from the declaration. */
export const defineProjection = (projection: {
  readonly name: string;
  readonly version: number;
  readonly topics: readonly string[];
  readonly tables: readonly AnyTable[];
  readonly views?: readonly { readonly name: string; readonly select: string }[];
  readonly handles: readonly Handled[];
  readonly every?: (record: Projected) => readonly Change[];
}): ProjectionDefinition => ({
  kind: 'projection',
  name: projection.name,
  version: projection.version,
  topics: projection.topics,
  tables: erase<readonly Table[]>(projection.tables),
  views: projection.views ?? [],
  handles: new Map(projection.handles.map(({ type, map }) => [type, map])),
  every: projection.every ?? null,
});

/** Everything that one record does. */
export const changesOf = (projection: ProjectionDefinition, record: Projected): readonly Change[] => {
  const handled = projection.handles.get(record.type)?.(record) ?? [];
  return projection.every === null ? handled : [...projection.every(record), ...handled];
};

/** Whether the record's payload is of any use to it. */
export const isOfInterest = (projection: ProjectionDefinition, type: string): boolean => projection.every !== null || projection.handles.has(type);
