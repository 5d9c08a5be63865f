import { expect, test } from '@jest/globals';
import type { KafkaAdmin, TopicDescription } from '#adapters/kafka';
import { applyTopics, planTopics, wantedTopics } from './index.ts';

/** A cluster of descriptions: creating and setting change them. */
const cluster = (existing: readonly TopicDescription[] = []) => {
  const topics = new Map(existing.map((topic) => [topic.topic, topic]));
  const admin: KafkaAdmin = {
    createTopics: async (specs) => {
      for (const { topic, partitions, config = {} } of specs) topics.set(topic, { topic, partitions, replicationFactor: 1, config: { 'max.message.bytes': '1', ...config }, ownConfig: config });
      return { created: specs.map(({ topic }) => topic), existing: [] };
    },
    deleteTopics: async () => undefined,
    listTopics: async () => [...topics.keys()],
    describeTopics: async (names) => names.flatMap((name) => topics.get(name) ?? []),
    setTopicConfig: async (topic, config) => {
      const known = topics.get(topic);
      if (known !== undefined) topics.set(topic, { ...known, config: { ...known.config, ...config }, ownConfig: config });
    },
    topicOffsets: async () => [],
    close: async () => undefined,
  };
  return { admin, topics };
};

test('every declared topic has the settings its kind needs', () => {
  for (const { topic, config } of wantedTopics({ namespace: 'n' })) {
    expect(topic).toMatch(/^n\./);
    expect(config['message.timestamp.type']).toBe('CreateTime');
    if (config['cleanup.policy'] === 'compact') expect(Number(config['min.compaction.lag.ms'])).toBeGreaterThanOrEqual(3_600_000);
    else expect(Number(config['retention.ms'])).toBeGreaterThan(0);
  }
  const days = new Map(wantedTopics({ namespace: 'n' }).map(({ topic, config }) => [topic, Number(config['retention.ms']) / 86_400_000]));
  expect([days.get('n.sagas.trading'), days.get('n.dead-letters'), days.get('n.market.quotes')]).toEqual([400, 400, 7]);
});

test('on an empty cluster all are to be created; after apply nothing is left to do', async () => {
  const { admin } = cluster();
  const plan = await planTopics(admin, { namespace: 'n', partitions: 12 });
  expect(new Set(plan.differences.map(({ kind }) => kind))).toEqual(new Set(['create']));
  expect(plan.differences.find(({ topic }) => topic === 'n.sagas.trading')).toMatchObject({ partitions: 12 });
  // One partition is a promise, not a default.
  expect(plan.differences.find(({ topic }) => topic === 'n.controls')).toMatchObject({ partitions: 1 });
  await applyTopics(admin, { namespace: 'n', partitions: 12 });
  expect((await planTopics(admin, { namespace: 'n', partitions: 12 })).differences).toEqual([]);
});

test('partitions of a live topic are told, never changed; its other settings are kept', async () => {
  const { admin, topics } = cluster();
  await applyTopics(admin, { namespace: 'n' });
  const known = topics.get('n.ops');
  if (known === undefined) throw new Error('no ops');
  topics.set('n.ops', { ...known, partitions: 5, config: { ...known.config, 'retention.ms': '1' }, ownConfig: { 'retention.ms': '1', 'segment.bytes': '7' } });
  const plan = await applyTopics(admin, { namespace: 'n' });
  expect(plan.differences.map(({ kind }) => kind)).toEqual(['change', 'partitions-differ']);
  expect(topics.get('n.ops')).toMatchObject({ partitions: 5, ownConfig: { 'segment.bytes': '7', 'retention.ms': '2592000000' } });
});
