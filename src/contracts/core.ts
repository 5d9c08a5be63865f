// Front door of what saga-core may know of the wire: tokens, the envelope and the lifecycle records.
export { type AvroSchema, type DataType, dataType, type EventType, eventType, type PayloadOf } from './event-type.ts';
export * as placeholder from './event-type.ts';
