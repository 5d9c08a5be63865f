/** A declared topic. Names lack the namespace prefix. */
export type TopicDeclaration = {
  readonly name: string;
  /** What the record key is. */
  readonly key: string;
  readonly content: string;
  /** Local default; a deployment overrides it. Never changed on a live saga topic. */
  readonly partitions: number;
  readonly cleanup: 'delete' | 'compact';
  /** null where the topic is compacted. */
  readonly retentionMs: number | null;
  /** Full names of the record types it carries; `prefix.*` for all that begin so. */
  readonly carries: readonly string[];
};
