import { entityState, positionState, type PositionState } from '#contracts';
import { erase } from '#kernel';
import { bigint, defineProjection, defineTable, fold, nullable, numeric, type ProjectionDefinition, text, timestamp, when } from '#projections';

/** One row per account and symbol. */
export const positions = defineTable({
  name: 'positions',
  columns: {
    position_id: text,
    account_id: text,
    symbol: text,
    /** Signed: negative is short. */
    qty: numeric,
    avg_price: numeric,
    last_split_date: nullable(text),
    /** Commands that the position's entity has applied. */
    version: bigint,
    updated_at: timestamp,
  },
  key: ['account_id', 'symbol'],
  indexes: [['symbol'], ['position_id']],
});

/**
 * Read from the entity's own state, not from its events: a split changes a position without a record on any saga's partition,
 * and the records of one position lie on as many partitions as its sagas, in no order among each other.
 */
export const positionsProjection: ProjectionDefinition = defineProjection({
  name: 'positions',
  version: 1,
  topics: ['entities.positions.state'],
  tables: [positions],
  handles: [
    when(entityState, ({ payload, envelope, decodeData }) => {
      const { type, value } = decodeData(payload.state);
      if (type !== positionState.name) return [];
      const state = erase<PositionState>(value);
      return [fold(positions, { account_id: state.accountId, symbol: state.symbol }, (row) => (row !== null && row.version >= BigInt(payload.version) ? null : {
        position_id: state.positionId, account_id: state.accountId, symbol: state.symbol, qty: state.qty, avg_price: state.avgPrice,
        last_split_date: state.lastSplitDate, version: BigInt(payload.version), updated_at: envelope.occurredAt,
      }))];
    }),
  ],
});
