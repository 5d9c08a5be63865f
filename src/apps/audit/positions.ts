import {
  type ApplySplitCommand, applySplitCommand, type EntityState, type OrchestratorTradeRequested, orchestratorTradeRequested, positionState, type PositionState,
  type TradePositionRolledBack, tradePositionRolledBack, type TradePositionUpdated, tradePositionUpdated,
} from '#contracts';
import { absolute, compare, type Decimal, erase, formatDecimal, multiply, parseDecimal, subtract, ZERO } from '#kernel';
import type { AuditedRecord } from '#saga-core/testing';
import type { Report } from './violation.ts';

type Changed =
  | { readonly kind: 'fill'; readonly seq: number; readonly where: string; readonly executionId: string; readonly prevQty: Decimal; readonly qty: Decimal; readonly fillQty: Decimal }
  | { readonly kind: 'rollback'; readonly seq: number; readonly where: string; readonly executionId: string; readonly qty: Decimal };

type Position = { readonly changes: Changed[]; readonly splits: { readonly ratio: Decimal; readonly date: string }[]; state: { readonly qty: Decimal; readonly seq: number } | null };

const decimal = (text: string | null): Decimal | null => {
  const parsed = text === null ? null : parseDecimal(text);
  return parsed?.ok === true ? parsed.value : null;
};

/** Splits of one date are applied once. */
const distinct = (splits: Position['splits']): Position['splits'] => splits.filter((split, index) => index === 0 || splits[index - 1]?.date !== split.date);

/**
 * A position is the sum of its fills, from the events on the log and from its entity's own state; between two fills it changes
 * by splits only. And nothing was requested that takes an account above its exposure limit.
 */
export class Positions {
  readonly #positions = new Map<string, Position>();
  readonly #report: Report;

  readonly #areSplitsWhole: boolean;

  /** Where retention has deleted splits, they explain nothing: then a jump is not told. */
  constructor(options: { readonly report: Report; readonly areSplitsWhole: boolean }) {
    this.#report = options.report;
    this.#areSplitsWhole = options.areSplitsWhole;
  }

  add(record: AuditedRecord): void {
    if (record.type === tradePositionUpdated.name) this.#updated(record, erase<TradePositionUpdated>(record.payload));
    else if (record.type === tradePositionRolledBack.name) this.#rolledBack(record, erase<TradePositionRolledBack>(record.payload));
    else if (record.type === orchestratorTradeRequested.name) this.#requested(record, erase<OrchestratorTradeRequested>(record.payload));
  }

  command(key: string, type: string, payload: unknown): void {
    if (type !== applySplitCommand.name) return;
    const { ratio, effectiveDate } = erase<ApplySplitCommand>(payload);
    const value = decimal(ratio);
    if (value !== null) this.#of(key).splits.push({ ratio: value, date: effectiveDate });
  }

  /** In the order of the state's partition: the last one counts. `seq` is the number of the entity's last record that it contains. */
  state(payload: EntityState, seq: number, decodeData: (bytes: Uint8Array) => { readonly type: string; readonly value: unknown }): void {
    const { type, value } = decodeData(payload.state);
    if (type !== positionState.name) return;
    this.#of(payload.key).state = { qty: decimal(erase<PositionState>(value).qty) ?? ZERO, seq };
  }

  finish(): void {
    for (const [key, position] of this.#positions) this.#check(key, position);
  }

  #of(key: string): Position {
    const known = this.#positions.get(key);
    if (known !== undefined) return known;
    const fresh: Position = { changes: [], splits: [], state: null };
    this.#positions.set(key, fresh);
    return fresh;
  }

  #updated(record: AuditedRecord, payload: TradePositionUpdated): void {
    const [prevQty, qty, fillQty] = [decimal(payload.prevQty), decimal(payload.qty), decimal(payload.fillQty)];
    const where = `${record.type} at ${record.topic}/${record.partition} offset ${record.offset}`;
    if (prevQty === null || qty === null) return this.#report({ invariant: 'I6', instance: record.envelope.correlationId, message: `${where} has figures that are no decimals` });
    if (fillQty === null || payload.executionId === null) return;
    this.#of(`${payload.accountId}:${payload.symbol}`).changes.push({ kind: 'fill', seq: record.envelope.chain.seq, where, executionId: payload.executionId, prevQty, qty, fillQty });
  }

  #rolledBack(record: AuditedRecord, payload: TradePositionRolledBack): void {
    const where = `${record.type} at ${record.topic}/${record.partition} offset ${record.offset}`;
    const key = payload.positionId.replace(/^pos-/, '');
    this.#of(key).changes.push({ kind: 'rollback', seq: record.envelope.chain.seq, where, executionId: payload.executionId, qty: decimal(payload.restoredQty) ?? ZERO });
  }

  #requested({ envelope, offset }: AuditedRecord, { riskCheck, side }: OrchestratorTradeRequested): void {
    const [before, after, limit] = [decimal(riskCheck.exposureBefore), decimal(riskCheck.exposureAfter), decimal(riskCheck.limits.maxExposure)];
    if (before === null || after === null || limit === null || side === 'sell') return;
    if (compare(after, limit) > 0) this.#report({ invariant: 'I6', instance: envelope.correlationId, message: `trade requested at ${offset} takes the exposure from ${riskCheck.exposureBefore} to ${riskCheck.exposureAfter}, above the limit of ${riskCheck.limits.maxExposure}` });
  }

  #check(key: string, { changes, splits, state }: Position): void {
    const say = (message: string): void => this.#report({ invariant: 'I6', instance: null, message: `position ${key}: ${message}` });
    const walk = new Walk([...distinct(splits)]);
    // The log may have grown since the state was read.
    const told = changes.filter((change) => state === null || change.seq <= state.seq).sort((left, right) => left.seq - right.seq);
    for (const change of told) {
      const problem = walk.step(change);
      if (problem !== null && (this.#areSplitsWhole || !walk.hasJumped)) say(`${problem}, ${change.where}`);
    }
    if (state === null) return changes.length === 0 ? undefined : say('its entity has no state');
    if (!walk.reaches(state.qty) && this.#areSplitsWhole) say(`its fills come to ${formatDecimal(walk.qty)}, its entity holds ${formatDecimal(state.qty)}`);
  }
}

/** Walks a position from change to change, using up splits where they explain a jump. */
class Walk {
  qty: Decimal = ZERO;
  hasJumped = false;
  readonly #splits: { readonly ratio: Decimal }[];
  readonly #fills = new Map<string, Decimal>();

  constructor(splits: { readonly ratio: Decimal }[]) {
    this.#splits = splits;
  }

  step(change: Changed): string | null {
    if (change.kind === 'rollback') return this.#rollBack(change);
    const delta = subtract(change.qty, change.prevQty);
    const before = this.qty;
    const isContinuous = this.reaches(change.prevQty);
    this.hasJumped = !isContinuous;
    this.qty = change.qty;
    if (this.#fills.has(change.executionId)) return `execution ${change.executionId} is applied twice`;
    this.#fills.set(change.executionId, delta);
    if (!isContinuous) return `execution ${change.executionId} starts from ${formatDecimal(change.prevQty)} where ${formatDecimal(before)} was held`;
    if (compare(absolute(delta), change.fillQty) !== 0) return `execution ${change.executionId} of ${formatDecimal(change.fillQty)} moves it by ${formatDecimal(delta)}`;
    return null;
  }

  /**
   * Whether the quantity is held, now or after the next splits, which are used up then. Splits that came while nothing was held
   * explain nothing and are passed over.
   */
  reaches(qty: Decimal): boolean {
    if (compare(this.qty, qty) === 0) return true;
    for (let from = 0; from < this.#splits.length; from++) {
      let held = this.qty;
      for (const [index, split] of this.#splits.slice(from).entries()) {
        held = multiply(held, split.ratio);
        if (compare(held, qty) !== 0) continue;
        this.#use(from, index + 1);
        return true;
      }
    }
    return false;
  }

  #use(passed: number, count: number): void {
    for (const { ratio } of this.#splits.splice(0, passed + count).slice(passed)) {
      this.qty = multiply(this.qty, ratio);
      for (const [executionId, delta] of this.#fills) this.#fills.set(executionId, multiply(delta, ratio));
    }
  }

  #rollBack(change: Extract<Changed, { readonly kind: 'rollback' }>): string | null {
    const delta = this.#fills.get(change.executionId);
    if (delta === undefined) return `execution ${change.executionId} is rolled back, but was never applied`;
    this.#fills.delete(change.executionId);
    const expected = subtract(this.qty, delta);
    // A split since scales what is left as it scaled the fill.
    this.qty = expected;
    const isRight = this.reaches(change.qty);
    this.hasJumped = !isRight;
    this.qty = change.qty;
    return isRight ? null : `rolling back ${change.executionId} leaves ${formatDecimal(change.qty)}, not ${formatDecimal(expected)}`;
  }
}
