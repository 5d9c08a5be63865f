import type { Change } from './change.ts';
import type { ProjectionDefinition } from './define-projection.ts';

/** A record that could not be projected: kept beside the read model, while its partition goes on. */
export type Fault = { readonly offset: number; readonly reason: string };

/** What one read of a partition comes to. */
export type ProjectionBatch = {
  /** Without the namespace. */
  readonly topic: string;
  readonly partition: number;
  /** What the store must have stored for the partition: the batch is applied only then. */
  readonly fromOffset: number;
  /** Next offset to read, stored in the transaction of the rows. */
  readonly toOffset: number;
  /** By record, in order; a record's changes are applied together or not at all. */
  readonly records: readonly { readonly offset: number; readonly changes: readonly Change[] }[];
  readonly faults: readonly Fault[];
};

/** What became of a batch; only an applied one moved the position. */
export type ApplyOutcome =
  | { readonly status: 'applied'; readonly faultCount: number }
  /** Somebody else has gone on from there: nothing was applied. Null: nothing stored. */
  | { readonly status: 'elsewhere'; readonly nextOffset: number | null }
  /** Readers were switched to another generation: nothing was applied; open again. */
  | { readonly status: 'superseded' };

/** How far one partition was folded. */
export type Folded = {
  /** Everything before it was looked at. */
  readonly nextOffset: number;
  /** Records that changed something, and faults. */
  readonly count: number;
};

/** One build of a projection's tables from the log. */
export type Generation = {
  readonly number: number;
  /** Positions by `topic/partition`, topic without the namespace. */
  readonly positions: () => Promise<ReadonlyMap<string, number>>;
  /** Positions with what was counted in their transactions, by `topic/partition`. */
  readonly folded: () => Promise<ReadonlyMap<string, Folded>>;
  /** Rows, faults and the position in one transaction, position check first. */
  readonly apply: (batch: ProjectionBatch) => Promise<ApplyOutcome>;
};

/** Whether what is stored is of this version. */
export type OpenOutcome =
  | { readonly status: 'live'; readonly generation: Generation }
  /** The stored read model is of an older version: build this one beside it, then switch. */
  | { readonly status: 'outdated'; readonly storedVersion: number };

/** A generation beside the live one, at one instant. */
export type Comparison =
  | { readonly status: 'equal' }
  /** Folded from the same records by the same version, and yet not the same: what differs, by table. */
  | { readonly status: 'different'; readonly differences: readonly string[] }
  /** The two stand at different records: another instant may find them at the same. */
  | { readonly status: 'apart' }
  /** They can never be the same. */
  | { readonly status: 'incomparable'; readonly reason: string };

/** Where read models live. */
export type ReadModelStore = {
  /** The generation that readers see; made where there is none yet. Removes what rebuilds that were killed left behind. */
  readonly open: (projection: ProjectionDefinition) => Promise<OpenOutcome>;
  /** An empty generation beside the live one: this process's own until it is switched to or discarded. Removes what rebuilds that were killed left behind. */
  readonly begin: (projection: ProjectionDefinition) => Promise<Generation>;
  /** The begun generation beside the live one, both as one instant saw them. */
  readonly compare: (projection: ProjectionDefinition, generation: Generation) => Promise<Comparison>;
  /**
   * Readers see it from now on, and the old one is gone; `behind` where it has read less than the live one. `ends` are the log's, by
   * `topic/partition`: a live position beyond them is of a topic that was made anew, and nothing can reach it.
   */
  readonly switchTo: (projection: ProjectionDefinition, generation: Generation, ends: ReadonlyMap<string, number>) => Promise<'switched' | 'behind'>;
  /** Gives up a generation that was begun. */
  readonly discard: (projection: ProjectionDefinition, generation: Generation) => Promise<void>;
};
