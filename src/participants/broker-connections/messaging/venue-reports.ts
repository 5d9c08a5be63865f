import { observeBrokerCommand, type ObserveBrokerCommand } from '#contracts';
import { type DomainEvent, event } from '#saga-core';
import { formatObservation, type Observation, type ObservationKind } from '#sagas/order-execution';
import type { VenueFill, VenueOrder, VenueUpdate } from '../gateways.ts';

const KIND_OF_UPDATE = {
  acknowledged: 'new', pending_cancel: 'other', cancelled: 'canceled', expired: 'expired', rejected: 'rejected', other: 'other', partially_filled: 'partial_fill', filled: 'fill',
} as const satisfies Record<Exclude<VenueUpdate['type'], 'busted'>, ObservationKind>;

const command = (order: VenueOrder | null, observation: Observation, receivedAt: number): DomainEvent<ObserveBrokerCommand> => ({
  ...event(observeBrokerCommand, {
    clientOrderId: order === null || order.clientOrderId === '' ? null : order.clientOrderId,
    brokerOrderId: order?.brokerOrderId ?? null,
    kind: observation.kind,
    executionId: observation.fill?.executionId ?? observation.bustedExecutionId,
    body: formatObservation(observation),
    receivedAt,
  }),
});

const observed = (order: VenueOrder | null, what: Pick<Observation, 'kind' | 'via' | 'atMs'> & Partial<Observation>): Observation => ({
  brokerOrderId: order?.brokerOrderId ?? '',
  orderQty: order?.qty ?? '0',
  orderFilledQty: order?.filledQty ?? '0',
  fill: null,
  bustedExecutionId: null,
  reason: null,
  ...what,
});

/** A stream message as the command that has it recorded; null for what changes nothing (a cancel that is merely under way). */
export const reportOfUpdate = (update: VenueUpdate, receivedAt: number): DomainEvent<ObserveBrokerCommand> | null => {
  const { atMs } = update;
  if (update.type === 'busted') return command(update.order, observed(update.order, { kind: 'bust', via: 'stream', atMs, bustedExecutionId: update.executionId }), receivedAt);
  const kind = KIND_OF_UPDATE[update.type];
  if (kind === 'other') return null;
  const fill = 'fill' in update ? fillOf(update.fill) : null;
  return command(update.order, observed(update.order, { kind, via: 'stream', atMs, fill, reason: 'reason' in update ? update.reason : null }), receivedAt);
};

const fillOf = ({ executionId, symbol, side, qty, price, atMs }: VenueFill): Observation['fill'] => ({ executionId, symbol, side, qty, price, atMs });

const END_OF_STATUS: Readonly<Partial<Record<VenueOrder['status'], ObservationKind>>> = { cancelled: 'canceled', expired: 'expired', rejected: 'rejected' };

/** What a poll found, as the reports a stream would have brought: acknowledgment, fills oldest first, end. */
export const reportsOfPoll = (order: VenueOrder, fills: readonly VenueFill[], receivedAt: number): readonly DomainEvent<ObserveBrokerCommand>[] => {
  const isAcknowledged = order.status !== 'pending' && order.status !== 'rejected';
  const end = END_OF_STATUS[order.status];
  return [
    ...(isAcknowledged ? [observed(order, { kind: 'new', via: 'poll', atMs: receivedAt })] : []),
    ...fills.map((fill) => observed(order, { kind: 'partial_fill', via: 'poll', atMs: fill.atMs, fill: fillOf(fill) })),
    ...(end === undefined ? [] : [observed(order, { kind: end, via: 'poll', atMs: receivedAt, reason: order.venueStatus })]),
  ].map((observation) => command(order, observation, receivedAt));
};
