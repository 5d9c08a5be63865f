import { topicDeclarations } from './generated/topics.ts';

const matches = (pattern: string, typeName: string): boolean =>
  pattern.endsWith('*') ? typeName.startsWith(pattern.slice(0, -1)) : pattern === typeName;

/** Names, without prefix, of the declared topics that carry the type; empty for typed bytes inside records. */
export const topicsOf = (typeName: string): readonly string[] =>
  topicDeclarations.filter((topic) => topic.carries.some((pattern) => matches(pattern, typeName))).map((topic) => topic.name);
