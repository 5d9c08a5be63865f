import type { ParticipantDefinition } from '../definition/participant.ts';
import type { EventLog } from '../ports/index.ts';
import type { TopicNames } from './topics.ts';

/** Every topic the participant reads or writes. */
export const topicsOf = (participant: ParticipantDefinition, contexts: readonly string[], names: TopicNames): readonly string[] => {
  const { writesTo } = participant;
  return [...new Set([
    names.deadLetters,
    names.ops,
    ...contexts.flatMap((context) => [names.saga(context), names.checkpoints(participant.name, context)]),
    ...(writesTo.contexts ?? []).map((context) => names.saga(context)),
    ...participant.entities.flatMap((entity) => [names.commands(entity.name), names.state(entity.name)]),
    ...(writesTo.entities ?? []).map((entity) => names.commands(entity)),
    ...[...participant.sources.map((source) => source.topic), ...(writesTo.facts ?? [])].map((topic) => names.facts(topic)),
  ])];
};

/** Partition counts never change during a topic's life: asked once, then known without waiting. */
export const loadPartitionCounts = async (log: EventLog, topics: readonly string[]): Promise<(topic: string) => number> => {
  const counts = new Map(await Promise.all(topics.map(async (topic) => [topic, await log.partitionCount(topic)] as const)));
  return (topic) => {
    const count = counts.get(topic);
    if (count === undefined) throw new Error(`topic ${topic} is not among those this participant declares to write to: add it to writesTo`);
    return count;
  };
};
