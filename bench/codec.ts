import { createInMemoryCodec } from '#adapters/schema-registry';
import { type Envelope, type TradeOrderFilled, tradeOrderFilled } from '#contracts';

// Records a second, encoded and decoded, on one core: an envelope as a saga's record has it and a payload of about 200 bytes.
// Run: node --conditions=chorus:source bench/codec.ts

const ENCODE_FLOOR = 200_000;
const DECODE_FLOOR = 300_000;
const ROUND_MS = 1_000;
const ROUNDS = 5;
const BATCH = 1_000;

const envelope: Envelope = {
  eventId: '0b8fa9c1d6b24f0e9d3a5f2c', occurredAt: 1_700_000_000_000, producer: 'trading-engine',
  correlationId: 'saga-abc123def456', causationId: 'evt-0123456789abcdef', parentCorrelationId: null,
  sagaType: 'signal_to_execution', subSaga: 'order_execution', definitionVersion: 1, stepName: 'update_position',
  stepItem: 'exec-1234', step: 4, totalSteps: 6, subStep: 5, outcome: 'completed', compensationData: null, attempt: 1,
  startedAt: 1_700_000_000_000, timeout: 420_000,
  idempotencyKey: 'saga-abc123def456/order_execution:update_position/exec-1234:execute',
  chain: { id: 'trading-engine', seq: 7, prevHash: new Uint8Array(32).fill(7) },
};
const payload: TradeOrderFilled = {
  orderId: 'o'.repeat(36), order_id: 'b'.repeat(36), executionId: 'x'.repeat(90), filledQty: '100.000000',
  avgPrice: '123.456700', commission: '1.230000', filledAt: 1_700_000_000_000,
};

const codec = createInMemoryCodec();
await codec.prepare([tradeOrderFilled]);
const record = codec.encode(tradeOrderFilled, envelope, payload);

/** Best of the rounds: what the code can do when the machine lets it. */
const perSecond = (work: () => void): number => {
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let count = 0;
    while (performance.now() - start < ROUND_MS) {
      for (let index = 0; index < BATCH; index++) work();
      count += BATCH;
    }
    best = Math.max(best, (count * 1_000) / (performance.now() - start));
  }
  return Math.round(best);
};

const figures = {
  recordBytes: record.length,
  encodePerSecond: perSecond(() => {
    codec.encode(tradeOrderFilled, envelope, payload);
  }),
  decodePerSecond: perSecond(() => {
    const decoded = codec.decode(record);
    if (decoded.status === 'decoded') decoded.payload();
  }),
  decodeEnvelopeOnlyPerSecond: perSecond(() => {
    codec.decode(record);
  }),
};

console.log(JSON.stringify({
  ...figures,
  encodeToFloor: Number((figures.encodePerSecond / ENCODE_FLOOR).toFixed(2)),
  decodeToFloor: Number((figures.decodePerSecond / DECODE_FLOOR).toFixed(2)),
}));
if (figures.encodePerSecond < ENCODE_FLOOR || figures.decodePerSecond < DECODE_FLOOR) {
  console.error(`below the floor of ${ENCODE_FLOOR} encoded and ${DECODE_FLOOR} decoded records a second`);
  process.exitCode = 1;
}
