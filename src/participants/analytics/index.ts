export { type AnalyticsNeeds, createAnalytics } from './analytics.participant.ts';
