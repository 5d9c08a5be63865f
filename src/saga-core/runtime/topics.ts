/** Names of the topics of one namespace: the one place that spells them. */
export type TopicNames = {
  readonly namespace: string;
  readonly saga: (context: string) => string;
  readonly checkpoints: (group: string, context: string) => string;
  readonly commands: (entity: string) => string;
  readonly state: (entity: string) => string;
  /** A topic of facts such as `market.quotes`. */
  readonly facts: (name: string) => string;
  readonly ops: string;
  readonly controls: string;
  readonly deadLetters: string;
  /** Consumer group of a participant. */
  readonly group: (participant: string) => string;
};

/** The names of the topics of a namespace. */
export const topicNames = (namespace: string): TopicNames => ({
  namespace,
  saga: (context) => `${namespace}.sagas.${context}`,
  checkpoints: (group, context) => `${namespace}.checkpoints.${group}.${context}`,
  commands: (entity) => `${namespace}.entities.${entity}.commands`,
  state: (entity) => `${namespace}.entities.${entity}.state`,
  facts: (name) => `${namespace}.${name}`,
  ops: `${namespace}.ops`,
  controls: `${namespace}.controls`,
  deadLetters: `${namespace}.dead-letters`,
  group: (participant) => `${namespace}.${participant}`,
});

/** One transactional id per (group, partition): what fences zombies. */
export const transactionalId = (names: TopicNames, participant: string, topic: string, partition: number): string =>
  `${names.namespace}/${participant}/${topic}/${partition}`;
