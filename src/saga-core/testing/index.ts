export { givenSaga, type SagaUnderTest, type SagaWorld } from './given-saga/given-saga.ts';
export { type LaunchOptions, lineOf, type LogLine, MemoryStage, type MemoryStageOptions, type StageWorker } from './given-saga/memory-stage.ts';
export { createSimulatedClock, type SimulatedClock } from './simulated-clock.ts';
export { createSimulatedProcess, type SimulatedProcess } from './simulated-process.ts';
export { createSimulatedRandom, type SimulatedRandom } from './simulated-random.ts';
export { createMemoryCluster, type MemoryClient, type MemoryCluster, type MemoryClusterOptions } from './memory-event-log/cluster.ts';
export { type FaultPlan, type FaultyRequest, noFaults, type RequestKind, type Verdict } from './memory-event-log/faults.ts';
export type { ForeignTransaction } from './memory-event-log/foreign-transaction.ts';
export type { Latency } from './memory-event-log/network.ts';
export type { LogEntry, PartitionTransaction } from './memory-event-log/partition-log.ts';
export type { TopicOptions } from './memory-event-log/topics.ts';
export type { BrokerMutants } from './memory-event-log/transactions.ts';
export {
  createMemoryCodec, createMemorySchemaRegistry, MemoryCodecError, type MemoryCodecErrorCode, type MemoryCodecOptions, type MemorySchemaRegistry,
} from './memory-codec/memory-codec.ts';
export type { AuditedRecord, DefinitionLookup, InvariantId, Violation } from './invariants/audited.ts';
export { type Verification, type VerifyOptions, verifyRecords } from './invariants/invariants.ts';
export { checkInstance } from './invariants/checks.ts';
export { type Ledger, ledgerOf } from './invariants/ledger.ts';
export { checkAllEnded, checkCauses, checkChains } from './invariants/log-checks.ts';
export { type History, historiesOf } from './invariants/audited.ts';
export type { VendorEffect } from './invariants/vendor-checks.ts';
