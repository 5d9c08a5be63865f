import { topicDeclarations } from '#contracts';
import type { EventLog } from '#saga-core/ports';
import { rangesOf, readRange } from './read-log.ts';
import type { BadRecord } from './log-reading.ts';

const text = new TextDecoder();
const textOf = (value: Uint8Array | undefined): string => (value === undefined ? '' : text.decode(value));

/** Which of these eventIds some topic beside the saga topics holds: entity commands, market facts. Only headers are looked at. */
export const foundElsewhere = async (log: EventLog, namespace: string, wanted: ReadonlySet<string>): Promise<ReadonlySet<string>> => {
  const found = new Set<string>();
  const topics = topicDeclarations.map(({ name }) => name).filter((name) => name.endsWith('.commands') || name.startsWith('market.'));
  for (const topic of wanted.size === 0 ? [] : topics) {
    for (const range of await rangesOf(log, `${namespace}.${topic}`)) {
      await readRange(log, range, (record) => {
        const eventId = textOf(record.headers['event-id']);
        if (wanted.has(eventId)) found.add(eventId);
      });
    }
  }
  return found;
};

/** The bad records that dead letters do not hold. */
export const missingInDeadLetters = async (log: EventLog, namespace: string, bad: readonly BadRecord[]): Promise<readonly BadRecord[]> => {
  if (bad.length === 0) return [];
  const held = new Set<string>();
  for (const range of await rangesOf(log, `${namespace}.dead-letters`)) {
    await readRange(log, range, ({ headers }) => {
      held.add(`${textOf(headers['dead-letter-topic'])}/${textOf(headers['dead-letter-partition'])}/${textOf(headers['dead-letter-offset'])}`);
    });
  }
  return bad.filter(({ topic, partition, offset }) => !held.has(`${namespace}.${topic}/${partition}/${offset}`));
};
