// Front door of the package: senders of sagas, and workers inside programs of one's own.
export { type ClientConnection, connect, type KafkaOptions } from './connect.ts';
export { createWorker, type EmbeddedWorker, type EmbeddedWorkerOptions } from './worker.ts';
export type { OperatorOrder, ParticipantStatus, SagaClient, SagaHandle, SagaResult, SignalPayload } from '#saga-core/runtime';
