import type { DomainEvent } from '#saga-core';
import type { RecordToWrite, TransactionalWriter } from '#saga-core/ports';
import { Committer, loadPartitionCounts, Records } from '#saga-core/runtime';
import type { Connection } from './connect.ts';

/** A record of no saga, for a topic of facts or for `ops`. */
export type Publication = {
  /** Without the namespace, such as `market.quotes`. */
  readonly topic: string;
  readonly key: string;
  readonly event: DomainEvent;
  readonly eventId: string;
};

export type Publisher = {
  /** Appends all in one transaction; resolves when it is committed. Rejects when it is refused or in doubt: publish again with the same event ids. */
  readonly publish: (facts: readonly Publication[]) => Promise<void>;
  readonly close: () => Promise<void>;
};

type Open = { readonly writer: TransactionalWriter; readonly committer: Committer };

/** Publishes facts under a transactional id of its own; what gathers during a transaction travels in the next one. */
export const createPublisher = async (connection: Connection, options: { readonly name: string; readonly topics: readonly string[] }): Promise<Publisher> => {
  const { log, codec, clock, names, namespace, random } = connection;
  const partitionsOf = await loadPartitionCounts(log, options.topics.map((topic) => names.facts(topic)));
  const records = new Records({ participant: options.name, codec, clock, names, partitionsOf });
  const waiting = new Set<(reason: Error) => void>();
  let opening: Promise<Open> | null = null;

  const fail = (message: string): void => {
    // The next publication opens a new writer; what was under way is told, never repeated.
    opening = null;
    const rejected = [...waiting];
    waiting.clear();
    for (const reject of rejected) reject(new Error(`${options.name} cannot publish: ${message}`));
  };
  const open = async (): Promise<Open> => {
    const writer = log.writer(`${namespace}/${options.name}/${random.id()}`);
    const fenced = await writer.fence();
    if (fenced.status === 'failed') {
      await writer.close();
      throw new Error(`${options.name} cannot publish: ${fenced.message}`);
    }
    const committer = new Committer({
      writer, group: '', positions: () => null, onDead: ({ code, message }) => fail(`${code}: ${message}`), onPoison: (_item, message) => (fail(message), null),
    });
    return { writer, committer };
  };
  return {
    publish: async (facts) => {
      const written: RecordToWrite[] = facts.map(({ topic, key, event, eventId }) => records.plain(names.facts(topic), key, event, { eventId }));
      opening ??= open().catch((error: unknown) => {
        opening = null;
        throw error;
      });
      const { committer } = await opening;
      await new Promise<void>((resolve, reject) => {
        waiting.add(reject);
        committer.submit({ records: written, concerns: null, onCommitted: () => (waiting.delete(reject), resolve()) });
      });
    },
    close: async () => {
      const current = await opening?.catch(() => null);
      await current?.committer.close();
      await current?.writer.close();
    },
  };
};
