import type { EventLog } from '#saga-core/ports';
import { rangesOf, readRange } from './read-log.ts';
import type { IsRefused } from './given-command.ts';
import { inputTopics } from './log-reading.ts';

const text = new TextDecoder();
const textOf = (value: Uint8Array | undefined): string => (value === undefined ? '' : text.decode(value));

/** Which of these eventIds some topic beside the saga topics holds: entity commands, market facts. Only headers are looked at. */
export const foundElsewhere = async (log: EventLog, namespace: string, wanted: ReadonlySet<string>): Promise<ReadonlySet<string>> => {
  const found = new Set<string>();
  for (const topic of wanted.size === 0 ? [] : inputTopics) {
    for (const range of await rangesOf(log, `${namespace}.${topic}`)) {
      await readRange(log, range, (record) => {
        const eventId = textOf(record.headers['event-id']);
        if (wanted.has(eventId)) found.add(eventId);
      });
    }
  }
  return found;
};

/** Which records lie in dead letters. */
export const readDeadLetters = async (log: EventLog, namespace: string): Promise<IsRefused> => {
  const held = new Set<string>();
  for (const range of await rangesOf(log, `${namespace}.dead-letters`)) {
    await readRange(log, range, ({ headers }) => {
      held.add(`${textOf(headers['dead-letter-topic'])}/${textOf(headers['dead-letter-partition'])}/${textOf(headers['dead-letter-offset'])}`);
    });
  }
  return ({ topic, partition, offset }) => held.has(`${namespace}.${topic}/${partition}/${offset}`);
};
