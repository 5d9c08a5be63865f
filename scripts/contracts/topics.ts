import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type Json, isList, isObject, SchemaRuleError, textOf } from './schema-set.ts';

const ATTRIBUTES = new Set(['name', 'key', 'content', 'partitions', 'cleanup', 'retentionDays', 'carries']);
const DAY_MS = 86_400_000;

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const declarationText = (topic: Json, where: string): string => {
  if (!isObject(topic)) throw new SchemaRuleError(`${where}: every topic is a map`);
  for (const attribute of Object.keys(topic)) {
    if (!ATTRIBUTES.has(attribute)) throw new SchemaRuleError(`${where}: unknown attribute ${JSON.stringify(attribute)}`);
  }
  const { name, partitions, cleanup, retentionDays, carries } = topic;
  if (textOf(name) === '' || typeof partitions !== 'number' || (cleanup !== 'delete' && cleanup !== 'compact') || !isList(carries)) {
    throw new SchemaRuleError(`${where}: needs name, partitions (a number), cleanup (delete or compact) and carries (a list)`);
  }
  if ((cleanup === 'delete') !== (typeof retentionDays === 'number')) {
    throw new SchemaRuleError(`${where} (${textOf(name)}): retentionDays goes with cleanup: delete, and only with it`);
  }
  const retentionMs = typeof retentionDays === 'number' ? String(retentionDays * DAY_MS) : 'null';
  return [
    '  {',
    ` name: ${quoted(textOf(name))}, key: ${quoted(textOf(topic['key']))}, content: ${quoted(textOf(topic['content']))},`,
    ` partitions: ${partitions}, cleanup: '${cleanup}', retentionMs: ${retentionMs},`,
    ` carries: [${carries.flat().map((pattern) => quoted(textOf(pattern))).join(', ')}] },\n`,
  ].join('');
};

/** The body of src/contracts/generated/topics.ts. */
export const topicsModuleText = (path: string): string => {
  const document = parse(readFileSync(path, 'utf8'), { merge: true }) as Json;
  const topics = isObject(document) ? document['topics'] : undefined;
  if (!isList(topics)) throw new SchemaRuleError(`${path}: needs a list "topics"`);
  return [
    "import type { TopicDeclaration } from '../topic-declaration.ts';\n\n",
    '/** Every topic of this build, as schemas/topics.yaml declares it; names without the namespace prefix. */\n',
    'export const topicDeclarations: readonly TopicDeclaration[] = [\n',
    ...topics.map((topic, index) => declarationText(topic, `${path} topics[${index}]`)),
    '];\n',
  ].join('');
};
