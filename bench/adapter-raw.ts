// The raw limit of the log: what the hardware and Kafka allow before any engine or codec. Chains of records, each written
// by the group whose turn it is of five that read the same two partitions, with group commit, and a reader that awaits the
// ends. Given the records of real sagas (`shapes`), it reads and writes what they do, byte for byte in size, and no more.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createKafkaAdmin, createKafkaEventLog } from '#adapters/kafka';
import type { CommitOutcome, EventLog, ReadBatch, RecordToWrite, Subscription, TransactionalWriter } from '#saga-core/ports';

export type RawLimitOptions = {
  readonly brokers: readonly string[];
  /** For the broker's share of the CPU, from /proc; left out when absent or not on Linux. */
  readonly brokerPid?: number;
  readonly closedLoopChainCount?: number;
  /** Loads to measure, in chains that are under way at any time. */
  readonly inFlightCounts?: readonly number[];
  readonly durationMs?: number;
  /** How often a transaction carries its group's position; 0: every one. */
  readonly positionIntervalMs?: number;
  readonly transactionProtocol?: 'auto' | 'classic';
  /** What chains consist of, in turn; default seven small records. */
  readonly shapes?: readonly ChainShape[];
};

/** One record of a chain: who writes it (-1: whoever starts the chain) and what it is like. */
export type Hop = { readonly group: number; readonly key: string; readonly value: Uint8Array; readonly headers: Readonly<Record<string, string>> };
/** The first is the start. */
export type ChainShape = readonly Hop[];

export type RawLoad = {
  readonly inFlight: number;
  readonly chainsPerSecond: number;
  readonly nodeCpuMsPerChain: number;
  readonly brokerCpuMsPerChain: number | null;
  readonly recordsPerTransaction: number;
  readonly transactionsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

export type RawLimit = {
  readonly closedLoop: { readonly chainCount: number; readonly p50Ms: number; readonly p95Ms: number; readonly p99Ms: number };
  readonly loads: readonly RawLoad[];
};

const GROUP_COUNT = 5;
const PARTITION_COUNT = 2;
const DEFAULT_SHAPE: ChainShape = Array.from({ length: 7 }, (_, hop) => ({
  group: hop === 0 ? -1 : hop % GROUP_COUNT, key: 'chain', value: Buffer.alloc(300, 'x'), headers: { 'event-type': 'raw.hop', 'correlation-id': 'chain' },
}));
const WARM_UP_CHAIN_COUNT = 300;
/** USER_HZ of Linux, on every machine of today. */
const TICKS_PER_SECOND = 100;

const percentile = (sorted: readonly number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;

/** CPU time of a process so far, all threads, in milliseconds; null where /proc does not tell. */
const cpuMsOf = (pid: number | undefined): number | null => {
  if (pid === undefined) return null;
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
  } catch {
    return null;
  }
};

const ownCpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

type Counters = { transactionCount: number; recordCount: number };
type Place = { readonly log: EventLog; readonly topic: string; readonly partition: number; readonly counters: Counters };

/** Group commit: what gathers while a transaction is under way goes into the next one. */
class Outbox {
  readonly #place: Place;
  readonly #writer: TransactionalWriter;
  readonly #position: { readonly group: string; readonly intervalMs: number } | null;
  #gathered: RecordToWrite[] = [];
  #whenCommitted: (() => void)[] = [];
  #isCommitting = false;
  #positionAtMs = 0;
  nextOffset = 0;

  constructor(place: Place, writer: TransactionalWriter, position: { readonly group: string; readonly intervalMs: number } | null) {
    this.#place = place;
    this.#writer = writer;
    this.#position = position;
  }

  add(record: RecordToWrite): void {
    this.#gathered.push(record);
    if (!this.#isCommitting) void this.#commitAll();
  }

  committed(): Promise<void> {
    return new Promise((resolve) => this.#whenCommitted.push(resolve));
  }

  async #commitAll(): Promise<void> {
    this.#isCommitting = true;
    // Everything that the batch now being folded leads to goes into one transaction.
    await Promise.resolve();
    while (this.#gathered.length > 0) {
      const records = this.#gathered;
      const told = this.#whenCommitted;
      this.#gathered = [];
      this.#whenCommitted = [];
      this.#place.counters.transactionCount++;
      this.#place.counters.recordCount += records.length;
      const outcome: CommitOutcome = await this.#writer.commit({ records, ...this.#positionDue() });
      if (outcome.status !== 'committed') throw new Error(`raw limit: ${outcome.status}: ${outcome.message}`);
      for (const tell of told) tell();
    }
    this.#isCommitting = false;
  }

  #positionDue(): { readonly positions?: { readonly group: string; readonly offsets: readonly [{ readonly topic: string; readonly partition: number; readonly offset: number; readonly metadata: string }] } } {
    const now = performance.now();
    if (this.#position === null || now - this.#positionAtMs < this.#position.intervalMs) return {};
    this.#positionAtMs = now;
    const { topic, partition } = this.#place;
    return { positions: { group: this.#position.group, offsets: [{ topic, partition, offset: this.nextOffset, metadata: '{"watermark":0}' }] } };
  }
}

/** Chain number and hop stand at the front of the value; the rest is ballast. */
const recordOf = (place: Place, { key, value: like, headers }: Hop, at: { readonly chain: number; readonly hop: number }): RecordToWrite => {
  const value = Buffer.from(like);
  value.writeUInt32BE(at.chain, 0);
  value.writeUInt8(at.hop, 4);
  return { topic: place.topic, partition: place.partition, key, value, headers, timestampMs: Date.now() };
};

const hopOf = (value: Uint8Array | null): { readonly chain: number; readonly hop: number } => {
  const bytes = Buffer.from(value?.buffer ?? new ArrayBuffer(0), value?.byteOffset ?? 0, value?.byteLength ?? 0);
  return { chain: bytes.readUInt32BE(0), hop: bytes.readUInt8(4) };
};

class Run {
  readonly counters: Counters = { transactionCount: 0, recordCount: 0 };
  readonly #log: EventLog;
  readonly #topic: string;
  readonly #positionIntervalMs: number;
  readonly #shapes: readonly ChainShape[];
  readonly #starters: Outbox[] = [];
  readonly #places: Place[] = [];
  readonly #subscriptions: Subscription[] = [];
  readonly #startedAtMs = new Map<number, number>();
  #nextChain = 0;
  onChainDone: (durationMs: number) => void = () => undefined;

  constructor(log: EventLog, topic: string, { positionIntervalMs, shapes }: { readonly positionIntervalMs: number; readonly shapes: readonly ChainShape[] }) {
    this.#log = log;
    this.#topic = topic;
    this.#positionIntervalMs = positionIntervalMs;
    this.#shapes = shapes;
  }

  async open(): Promise<void> {
    for (let partition = 0; partition < PARTITION_COUNT; partition++) {
      const place: Place = { log: this.#log, topic: this.#topic, partition, counters: this.counters };
      this.#places.push(place);
      this.#starters.push(new Outbox(place, await this.#writer('starter', partition), null));
      for (let group = 0; group < GROUP_COUNT; group++) await this.#openTask(place, group);
      this.#subscribe(place, ({ records }) => {
        for (const record of records) {
          const { chain, hop } = hopOf(record.value);
          if (hop === this.#shapeOf(chain).length - 1) this.#finish(chain);
        }
      });
    }
  }

  /** The chain's time runs from the commit of its first record. */
  start(): void {
    const chain = this.#nextChain++;
    const partition = chain % PARTITION_COUNT;
    const [place, starter, first] = [this.#places[partition], this.#starters[partition], this.#shapeOf(chain)[0]];
    if (place === undefined || starter === undefined || first === undefined) return;
    this.#startedAtMs.set(chain, performance.now());
    void starter.committed().then(() => {
      if (this.#startedAtMs.has(chain)) this.#startedAtMs.set(chain, performance.now());
    });
    starter.add(recordOf(place, first, { chain, hop: 0 }));
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.close();
  }

  async #writer(group: string, partition: number): Promise<TransactionalWriter> {
    const writer = this.#log.writer(`${this.#topic}/${group}/${partition}`);
    const fence = await writer.fence();
    if (fence.status !== 'fenced-others') throw new Error(fence.message);
    return writer;
  }

  #shapeOf(chain: number): ChainShape {
    return this.#shapes[chain % this.#shapes.length] ?? DEFAULT_SHAPE;
  }

  /** The task of one group: it writes the records that are its own, each when it has read the one before. */
  async #openTask(place: Place, group: number): Promise<void> {
    const name = `${this.#topic}.group-${group}`;
    const outbox = new Outbox(place, await this.#writer(`group-${group}`, place.partition), { group: name, intervalMs: this.#positionIntervalMs });
    this.#subscribe(place, (batch) => {
      for (const record of batch.records) {
        const { chain, hop } = hopOf(record.value);
        const next = this.#shapeOf(chain)[hop + 1];
        if (next?.group === group) outbox.add(recordOf(place, next, { chain, hop: hop + 1 }));
      }
      outbox.nextOffset = batch.nextOffset;
    });
  }

  #subscribe({ topic, partition }: Place, onBatch: (batch: ReadBatch) => void): void {
    const onError = (error: { readonly message: string }): void => {
      throw new Error(error.message);
    };
    this.#subscriptions.push(this.#log.reader().subscribe({ topic, partition, offset: 0 }, { onBatch, onError }));
  }

  #finish(chain: number): void {
    const startedAtMs = this.#startedAtMs.get(chain);
    this.#startedAtMs.delete(chain);
    if (startedAtMs !== undefined) this.onChainDone(performance.now() - startedAtMs);
  }
}

const closedLoop = async (run: Run, chainCount: number): Promise<number[]> => {
  const durations: number[] = [];
  for (let index = 0; index < chainCount; index++) {
    durations.push(await new Promise<number>((resolve) => {
      run.onChainDone = resolve;
      run.start();
    }));
  }
  return durations.sort((left, right) => left - right);
};

const underLoad = async (run: Run, inFlight: number, options: RawLimitOptions): Promise<RawLoad> => {
  const durationMs = options.durationMs ?? 10_000;
  const durations: number[] = [];
  let isMeasuring = false;
  let underWay = inFlight;
  const drained = Promise.withResolvers<void>();
  let isStopping = false;
  run.onChainDone = (duration) => {
    if (isMeasuring) durations.push(duration);
    if (!isStopping) run.start();
    else if (--underWay === 0) drained.resolve();
  };
  for (let index = 0; index < inFlight; index++) run.start();
  await elapse(durationMs / 4);
  isMeasuring = true;
  const before = { atMs: performance.now(), own: ownCpuMs(), broker: cpuMsOf(options.brokerPid), ...run.counters };
  await elapse(durationMs);
  isMeasuring = false;
  const after = { atMs: performance.now(), own: ownCpuMs(), broker: cpuMsOf(options.brokerPid), ...run.counters };
  isStopping = true;
  await drained.promise;
  const [chainCount, seconds] = [durations.length, (after.atMs - before.atMs) / 1_000];
  durations.sort((left, right) => left - right);
  return {
    inFlight, chainsPerSecond: chainCount / seconds,
    nodeCpuMsPerChain: (after.own - before.own) / chainCount,
    brokerCpuMsPerChain: after.broker === null || before.broker === null ? null : (after.broker - before.broker) / chainCount,
    recordsPerTransaction: (after.recordCount - before.recordCount) / (after.transactionCount - before.transactionCount),
    transactionsPerSecond: (after.transactionCount - before.transactionCount) / seconds,
    p50Ms: percentile(durations, 0.5), p99Ms: percentile(durations, 0.99),
  };
};

const elapse = (durationMs: number): Promise<void> => new Promise((resolve) => {
  setTimeout(resolve, durationMs);
});

/** Measures on a topic of its own, which is deleted afterwards. Rejects when any transaction does not commit. */
export const measureRawLimit = async (options: RawLimitOptions): Promise<RawLimit> => {
  const config = { brokers: options.brokers, clientId: 'raw-limit' };
  const topic = `raw${randomBytes(5).toString('hex')}`;
  const admin = createKafkaAdmin(config);
  const log = createKafkaEventLog({ ...config, transactionProtocol: options.transactionProtocol ?? 'auto' });
  try {
    await admin.createTopics([{ topic, partitions: PARTITION_COUNT }]);
    const run = new Run(log, topic, { positionIntervalMs: options.positionIntervalMs ?? 1_000, shapes: options.shapes ?? [DEFAULT_SHAPE] });
    await run.open();
    await closedLoop(run, WARM_UP_CHAIN_COUNT);
    const durations = await closedLoop(run, options.closedLoopChainCount ?? 500);
    const loads: RawLoad[] = [];
    for (const inFlight of options.inFlightCounts ?? [500, 2_000]) loads.push(await underLoad(run, inFlight, options));
    run.close();
    return {
      closedLoop: { chainCount: durations.length, p50Ms: percentile(durations, 0.5), p95Ms: percentile(durations, 0.95), p99Ms: percentile(durations, 0.99) },
      loads,
    };
  } finally {
    await log.close();
    await admin.deleteTopics([topic]);
    await admin.close();
  }
};

if (import.meta.main) {
  const [brokers = '', brokerPid = '', transactionProtocol = 'auto'] = process.argv.slice(2);
  if (brokers === '') throw new Error('usage: adapter-raw.ts host:port[,host:port] [pid of the broker] [auto|classic]');
  const limit = await measureRawLimit({
    brokers: brokers.split(','), ...(brokerPid === '' ? {} : { brokerPid: Number(brokerPid) }), transactionProtocol: transactionProtocol === 'classic' ? 'classic' : 'auto',
  });
  console.log(JSON.stringify(limit, null, 2));
}
