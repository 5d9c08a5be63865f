import { brokerObservationRecorded, type BrokerObservationRecorded, tradeOrderSubmitted, type TradeOrderSubmitted } from '#contracts';
import { erase } from '#kernel';
import type { AuditedRecord, Ledger } from '#saga-core/testing';
import { parseObservation } from '#sagas/order-execution';
import type { Report } from './violation.ts';

type Slot = Ledger['slots'] extends ReadonlyMap<string, infer Held> ? Held : never;

/** What tells that the venue has, or had, the order: a refusal or an end alone does not. */
const OF_LIFE: ReadonlySet<string> = new Set(['new', 'partial_fill', 'fill']);

const whereOf = ({ type, topic, partition, offset }: AuditedRecord): string => `${type} at ${topic}/${partition} offset ${offset}`;

const submitsOrders = (ledger: Ledger, step: string): boolean => {
  const output = ledger.definition.steps[step]?.output ?? null;
  return output !== null && 'name' in output && output.name === tradeOrderSubmitted.name;
};

/** Why nothing of the slot may be live at the venue; null where something may. */
const neverExecuted = (slot: Slot): string | null => {
  const kind = slot.outcomes[0]?.kind;
  if (kind === 'cancelled') return 'recorded as never executed';
  if (kind === 'failed') return 'recorded as failed for certain';
  return kind === 'skipped' ? 'recorded as skipped' : null;
};

/** Offset from which on the order is recorded as undone; null: it is not, its effect is kept, or a person has judged. */
const undoneSince = (slot: Slot): number | null => {
  const [undone] = slot.compensations;
  return undone === undefined || undone.isKept || slot.operatorOffset !== null ? null : undone.offset;
};

type Sighting = { readonly record: AuditedRecord; readonly kind: string; readonly executionId: string | null };

/** Observations that tell of a living order. */
const sightingsOf = ({ history }: Ledger): readonly Sighting[] => history.records.flatMap((record) => {
  if (record.type !== brokerObservationRecorded.name) return [];
  const observed = parseObservation(erase<BrokerObservationRecorded>(record.payload).body);
  return observed.ok && OF_LIFE.has(observed.value.kind) ? [{ record, kind: observed.value.kind, executionId: observed.value.fill?.executionId ?? null }] : [];
});

/** I5, as far as the log alone shows it: at most one order at the venue per client order id, and none that lives although its step is recorded as never executed or undone. */
export class VendorOrders {
  /** Broker's order id by client order id. */
  readonly #brokerIds = new Map<string, string>();
  readonly #report: Report;

  constructor(options: { readonly report: Report }) {
    this.#report = options.report;
  }

  add(record: AuditedRecord): void {
    if (record.type === tradeOrderSubmitted.name) {
      const { clientOrderId, order_id } = erase<TradeOrderSubmitted>(record.payload);
      this.#seen(record, clientOrderId, order_id);
    }
    if (record.type !== brokerObservationRecorded.name) return;
    const { clientOrderId, order_id } = erase<BrokerObservationRecorded>(record.payload);
    if (clientOrderId !== null && order_id !== null) this.#seen(record, clientOrderId, order_id);
  }

  /** Once all records of the instance are there. */
  check(ledger: Ledger): void {
    for (const slot of ledger.slots.values()) {
      if (!submitsOrders(ledger, slot.step)) continue;
      const never = neverExecuted(slot);
      const undone = undoneSince(slot);
      if (never !== null || undone !== null) this.#checkSilence(ledger, { slot, why: never ?? 'recorded as compensated', since: never === null ? (undone ?? 0) : 0 });
    }
  }

  #seen(record: AuditedRecord, clientOrderId: string, brokerId: string): void {
    const known = this.#brokerIds.get(clientOrderId);
    if (known === undefined) this.#brokerIds.set(clientOrderId, brokerId);
    else if (known !== brokerId) this.#say(record, `client order id ${clientOrderId} has two orders at the venue, ${known} and ${brokerId}: ${whereOf(record)}`);
  }

  #checkSilence(ledger: Ledger, { slot, why, since }: { readonly slot: Slot; readonly why: string; readonly since: number }): void {
    const known = new Set<string>();
    for (const { record, kind, executionId } of sightingsOf(ledger)) {
      // Stream and poll tell one execution twice; that an order was new is told late without any harm.
      const isNews = executionId === null ? since === 0 : !known.has(executionId);
      if (executionId !== null) known.add(executionId);
      if (record.offset > since && isNews) return this.#say(record, `step ${slot.step} is ${why}, but the order lives at the venue: ${kind}, ${whereOf(record)}`);
    }
  }

  #say({ envelope }: AuditedRecord, message: string): void {
    this.#report({ invariant: 'I5', instance: envelope.correlationId, message });
  }
}
