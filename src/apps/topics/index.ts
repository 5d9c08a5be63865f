export { applyTopics, planTopics, type TopicDifference, type TopicOptions, type TopicPlan, type WantedTopic, wantedTopics } from './topics.ts';
