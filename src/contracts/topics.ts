import { topicDeclarations } from './generated/topics.ts';

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

const matches = (pattern: string, typeName: string): boolean =>
  pattern.endsWith('*') ? typeName.startsWith(pattern.slice(0, -1)) : pattern === typeName;

/** Names, without prefix, of the declared topics that carry the type; empty for typed bytes inside records. */
export const topicsOf = (typeName: string): readonly string[] =>
  topicDeclarations.filter((topic) => topic.carries.some((pattern) => matches(pattern, typeName))).map((topic) => topic.name);
