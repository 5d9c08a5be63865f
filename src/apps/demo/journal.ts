import type {
  AiDecisionGenerated, AiModelSwitched, AnalyticsPnlRecorded, AnalyticsPnlReversed, OrchestratorCycleCompleted, OrchestratorCycleFailed, OrchestratorCycleStarted, StepAttemptFailed, TradeOrderFilled,
  TradeOrderPartiallyFilled, TradeOrderRejected, TradeOrderSubmitted,
} from '#contracts';
import { add, type Decimal, erase, parseDecimal, subtract, ZERO } from '#kernel';
import type { SeenRecord } from './watch.ts';

type Phase = 'running' | 'compensating' | 'manual_required';

type OpenSaga = { readonly symbol: string; phase: Phase; interest: number };

/** What one symbol decided, ordered and got, in order. `orders` tells the refused ones too; `submittedCount` does not count them. */
export type SymbolJournal = { readonly decisions: string[]; readonly orders: string[]; readonly fills: string[]; submittedCount: number; realizedPnl: Decimal };

/** What became of a run, as its records tell it. */
export class Journal {
  readonly symbols = new Map<string, SymbolJournal>();
  readonly outcomes = new Map<string, number>();
  readonly failures = new Map<string, number>();
  readonly fallbacks = new Map<string, number>();
  readonly retries = new Map<string, number>();
  readonly rejections = new Map<string, number>();
  readonly latenciesMs: number[] = [];
  decisions = 0;
  orders = 0;
  fills = 0;
  started = 0;
  completed = 0;
  failed = 0;
  readonly #open = new Map<string, OpenSaga>();
  #mostInteresting: { readonly correlationId: string; readonly interest: number } | null = null;

  /** Sagas under way, by state. */
  phases(): Readonly<Record<Phase, number>> {
    const counts = { running: 0, compensating: 0, manual_required: 0 };
    for (const { phase } of this.#open.values()) counts[phase]++;
    return counts;
  }

  /** The ended saga in which most went wrong and was dealt with; null before the first end. */
  get interestingSaga(): string | null {
    return this.#mostInteresting?.correlationId ?? null;
  }

  /** Types that it wants to see. */
  get types(): readonly string[] {
    return ['orchestrator.cycle.started', ...Object.keys(this.#handlers)];
  }

  readonly see = (record: SeenRecord): void => {
    const { correlationId } = record.envelope;
    if (correlationId === null) return;
    if (record.type === 'orchestrator.cycle.started') {
      const { symbol } = erase<OrchestratorCycleStarted>(record.payload);
      this.started++;
      this.#open.set(correlationId, { symbol, phase: 'running', interest: 0 });
      return;
    }
    const saga = this.#open.get(correlationId);
    if (saga === undefined) return;
    this.#handlers[record.type]?.(record, saga, this.symbol(saga.symbol));
  };

  symbol(name: string): SymbolJournal {
    const known = this.symbols.get(name);
    if (known !== undefined) return known;
    const created: SymbolJournal = { decisions: [], orders: [], fills: [], submittedCount: 0, realizedPnl: ZERO };
    this.symbols.set(name, created);
    return created;
  }

  /** What each type of record tells; `interest` grows with what makes a saga worth showing. */
  readonly #handlers: Readonly<Record<string, (record: SeenRecord, saga: OpenSaga, symbol: SymbolJournal) => void>> = {
    'ai.decision.generated': ({ payload }, _saga, symbol) => {
      const { action, quantity, provider } = erase<AiDecisionGenerated>(payload);
      this.decisions++;
      symbol.decisions.push(`${action} ${quantity} by ${provider}`);
    },
    'ai.model.switched': ({ payload }, saga) => {
      count(this.fallbacks, erase<AiModelSwitched>(payload).reason);
      saga.interest += 5;
    },
    'trade.order.submitted': ({ payload }, saga, symbol) => {
      const { side, qty } = erase<TradeOrderSubmitted>(payload);
      this.orders++;
      symbol.submittedCount++;
      symbol.orders.push(`${side} ${qty}`);
      saga.interest += 3;
    },
    'trade.order.rejected': ({ payload }, saga, symbol) => {
      const { source, httpStatus, reason } = erase<TradeOrderRejected>(payload);
      symbol.orders.push(`rejected ${source} ${String(httpStatus ?? reason)}`);
      count(this.rejections, httpStatus === null ? `${source} ${reason}` : `${source} ${httpStatus}`);
      saga.interest += 2;
    },
    'trade.order.partially_filled': ({ payload }, saga, symbol) => {
      const { fillQty, fillPrice } = erase<TradeOrderPartiallyFilled>(payload);
      this.fills++;
      symbol.fills.push(`part ${fillQty} at ${fillPrice}`);
      saga.interest += 2;
    },
    'trade.order.filled': ({ payload }, saga, symbol) => {
      const { filledQty, avgPrice } = erase<TradeOrderFilled>(payload);
      this.fills++;
      symbol.fills.push(`${filledQty} at ${avgPrice}`);
      saga.interest += 3;
    },
    'analytics.pnl.recorded': ({ payload }, _saga, symbol) => {
      const realized = parseDecimal(erase<AnalyticsPnlRecorded>(payload).realizedPnl);
      if (realized.ok) symbol.realizedPnl = add(symbol.realizedPnl, realized.value);
    },
    'analytics.pnl.reversed': ({ payload }, _saga, symbol) => {
      const realized = parseDecimal(erase<AnalyticsPnlReversed>(payload).realizedPnl);
      if (realized.ok) symbol.realizedPnl = subtract(symbol.realizedPnl, realized.value);
    },
    'orchestrator.cycle.completed': ({ payload }) => count(this.outcomes, erase<OrchestratorCycleCompleted>(payload).outcome),
    'orchestrator.cycle.failed': ({ payload }) => {
      const { failedStep, reason } = erase<OrchestratorCycleFailed>(payload);
      count(this.outcomes, 'failed');
      count(this.failures, `${failedStep ?? 'cycle'}: ${reason}`);
    },
    'chorus.StepAttemptFailed': ({ payload, envelope }, saga) => {
      count(this.retries, `${envelope.subSaga ?? envelope.sagaType ?? ''}.${erase<StepAttemptFailed>(payload).stepName}`);
      saga.interest += 4;
    },
    'chorus.CompensationRequested': ({ envelope }, saga) => {
      if (envelope.subSaga === null) saga.phase = 'compensating';
      saga.interest += 2;
    },
    'chorus.SagaQuarantined': (_record, saga) => {
      saga.phase = 'manual_required';
    },
    'chorus.SagaCompleted': (record, saga) => this.#ended(record, saga, true),
    'chorus.SagaFailed': (record, saga) => this.#ended(record, saga, false),
  };

  #ended({ envelope, timestampMs }: SeenRecord, { interest }: OpenSaga, isCompleted: boolean): void {
    const { correlationId, subSaga, startedAt } = envelope;
    if (subSaga !== null || correlationId === null) return;
    this.#open.delete(correlationId);
    this.latenciesMs.push(timestampMs - (startedAt ?? timestampMs));
    if (isCompleted) this.completed++;
    else this.failed++;
    if (this.#mostInteresting === null || interest > this.#mostInteresting.interest) this.#mostInteresting = { correlationId, interest };
  }
}

const count = (counts: Map<string, number>, name: string): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1);
};
