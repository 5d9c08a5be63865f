export { mermaidSequence } from './mermaid.ts';
export { timelineText } from './timeline.ts';
export type { SagaRecord } from './saga-record.ts';
