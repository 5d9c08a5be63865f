export { type ReadRecord, readSaga, type SagaReaderOptions } from './read-saga.ts';
