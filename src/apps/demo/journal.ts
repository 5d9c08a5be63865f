import type {
  AiDecisionGenerated, AiModelSwitched, AnalyticsPnlRecorded, OrchestratorCycleCompleted, OrchestratorCycleFailed, OrchestratorCycleStarted, StepAttemptFailed, TradeOrderFilled,
  TradeOrderPartiallyFilled, TradeOrderRejected, TradeOrderSubmitted,
} from '#contracts';
import { add, type Decimal, erase, parseDecimal, ZERO } from '#kernel';
import type { SeenRecord } from './watch.ts';

/** Types that the journal wants to see. */
export const JOURNAL_TYPES: readonly string[] = [
  'orchestrator.cycle.started', 'orchestrator.cycle.completed', 'orchestrator.cycle.failed', 'ai.decision.generated', 'ai.model.switched', 'trade.order.submitted', 'trade.order.rejected',
  'trade.order.filled', 'trade.order.partially_filled', 'analytics.pnl.recorded', 'chorus.StepAttemptFailed', 'chorus.CompensationRequested', 'chorus.SagaCompleted', 'chorus.SagaFailed', 'chorus.SagaQuarantined',
];

type Phase = 'running' | 'compensating' | 'manual_required';

/** What one symbol decided, ordered and got, in order. */
export type SymbolJournal = { readonly decisions: string[]; readonly orders: string[]; readonly fills: string[]; realizedPnl: Decimal };

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
  readonly #open = new Map<string, { symbol: string; phase: Phase; interest: number }>();
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
    this.#domain(record, this.symbol(saga.symbol), (interest) => { saga.interest += interest; });
    this.#lifecycle(record, correlationId, saga);
  };

  symbol(name: string): SymbolJournal {
    const known = this.symbols.get(name);
    if (known !== undefined) return known;
    const created: SymbolJournal = { decisions: [], orders: [], fills: [], realizedPnl: ZERO };
    this.symbols.set(name, created);
    return created;
  }

  #domain({ type, payload, envelope }: SeenRecord, symbol: SymbolJournal, interesting: (points: number) => void): void {
    switch (type) {
      case 'ai.decision.generated': {
        const { action, quantity, provider } = erase<AiDecisionGenerated>(payload);
        this.decisions++;
        symbol.decisions.push(`${action} ${quantity} by ${provider}`);
        return;
      }
      case 'ai.model.switched':
        count(this.fallbacks, erase<AiModelSwitched>(payload).reason);
        return interesting(5);
      case 'trade.order.submitted': {
        const { side, qty } = erase<TradeOrderSubmitted>(payload);
        this.orders++;
        symbol.orders.push(`${side} ${qty}`);
        return interesting(3);
      }
      case 'trade.order.rejected': {
        const { source, httpStatus, reason } = erase<TradeOrderRejected>(payload);
        symbol.orders.push(`rejected ${source} ${String(httpStatus ?? reason)}`);
        count(this.rejections, httpStatus === null ? `${source} ${reason}` : `${source} ${httpStatus}`);
        return interesting(2);
      }
      case 'trade.order.partially_filled': {
        const { fillQty, fillPrice } = erase<TradeOrderPartiallyFilled>(payload);
        this.fills++;
        symbol.fills.push(`part ${fillQty} at ${fillPrice}`);
        return interesting(2);
      }
      case 'trade.order.filled': {
        const { filledQty, avgPrice } = erase<TradeOrderFilled>(payload);
        this.fills++;
        symbol.fills.push(`${filledQty} at ${avgPrice}`);
        return interesting(3);
      }
      case 'analytics.pnl.recorded': {
        const realized = parseDecimal(erase<AnalyticsPnlRecorded>(payload).realizedPnl);
        if (realized.ok) symbol.realizedPnl = add(symbol.realizedPnl, realized.value);
        return;
      }
      case 'chorus.StepAttemptFailed':
        count(this.retries, `${envelope.subSaga ?? envelope.sagaType ?? ''}.${erase<StepAttemptFailed>(payload).stepName}`);
        return interesting(4);
      default: return;
    }
  }

  #lifecycle({ type, payload, envelope, timestampMs }: SeenRecord, correlationId: string, saga: { symbol: string; phase: Phase; interest: number }): void {
    switch (type) {
      case 'orchestrator.cycle.completed': return count(this.outcomes, erase<OrchestratorCycleCompleted>(payload).outcome);
      case 'orchestrator.cycle.failed': {
        const { failedStep, reason } = erase<OrchestratorCycleFailed>(payload);
        count(this.outcomes, 'failed');
        return count(this.failures, `${failedStep ?? 'cycle'}: ${reason}`);
      }
      case 'chorus.CompensationRequested':
        if (envelope.subSaga === null) saga.phase = 'compensating';
        saga.interest += 2;
        return;
      case 'chorus.SagaQuarantined':
        saga.phase = 'manual_required';
        return;
      case 'chorus.SagaCompleted':
      case 'chorus.SagaFailed':
        if (envelope.subSaga === null) this.#ended(correlationId, saga.interest, { isCompleted: type === 'chorus.SagaCompleted', tookMs: timestampMs - (envelope.startedAt ?? timestampMs) });
        return;
      default: return;
    }
  }

  #ended(correlationId: string, interest: number, end: { readonly isCompleted: boolean; readonly tookMs: number }): void {
    this.#open.delete(correlationId);
    this.latenciesMs.push(end.tookMs);
    if (end.isCompleted) this.completed++;
    else this.failed++;
    if (this.#mostInteresting === null || interest > this.#mostInteresting.interest) this.#mostInteresting = { correlationId, interest };
  }
}

const count = (counts: Map<string, number>, name: string): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1);
};
