/** A report of a venue on an order. Fills and busts name their execution. */
export type Report = {
  readonly clientOrderId: string | null;
  readonly brokerOrderId: string | null;
  readonly kind: string;
  readonly executionId: string | null;
  readonly body: string;
  readonly receivedAt: number;
};
/** An open order: whose reports go where (`Saga` is opaque here), and which were passed on already. */
export type OpenOrder<Saga> = {
  readonly clientOrderId: string;
  readonly brokerOrderId: string | null;
  readonly orderId: string;
  readonly symbol: string;
  readonly saga: Saga;
  readonly seen: readonly string[];
  readonly lastHeardAt: number;
};
export type Registry<Saga> = {
  readonly orders: readonly OpenOrder<Saga>[];
  readonly unmatched: readonly Report[];
  readonly recentlyClosed: readonly string[];
  readonly unmatchedDroppedCount: number;
};
export type Routed<Saga> = { readonly order: OpenOrder<Saga>; readonly report: Report };

/** How long a report waits for the registration of its order, in milliseconds. */
export const UNMATCHED_KEPT_MS = 600_000;
export const UNMATCHED_MAX = 200;
export const RECENTLY_CLOSED_MAX = 200;

/** What makes two reports the same: stream and poll tell of one fill under one execution id. */
export const reportKey = (report: Pick<Report, 'kind' | 'executionId'>): string => {
  if (report.kind === 'bust') return `bust:${report.executionId ?? ''}`;
  return report.executionId === null ? report.kind : `fill:${report.executionId}`;
};

const isOf = <Saga>(order: OpenOrder<Saga>, report: Report): boolean =>
  report.clientOrderId === order.clientOrderId || (report.brokerOrderId !== null && report.brokerOrderId === order.brokerOrderId);

const withOrder = <Saga, Kept extends Registry<Saga>>(registry: Kept, changed: OpenOrder<Saga>): Kept => ({
  ...registry,
  orders: registry.orders.map((order) => (order.clientOrderId === changed.clientOrderId ? changed : order)),
});

const withUnmatched = <Saga, Kept extends Registry<Saga>>(registry: Kept, report: Report): Kept => {
  const fresh = registry.unmatched.filter((kept) => report.receivedAt - kept.receivedAt < UNMATCHED_KEPT_MS);
  const kept = [...fresh, report].slice(-UNMATCHED_MAX);
  return { ...registry, unmatched: kept, unmatchedDroppedCount: registry.unmatchedDroppedCount + registry.unmatched.length + 1 - kept.length };
};

/** Passes a report on to its order's saga once; keeps it where the order is not registered (yet). */
export const observe = <Saga, Kept extends Registry<Saga>>(registry: Kept, report: Report): { readonly registry: Kept; readonly routed: Routed<Saga> | null } => {
  const order = registry.orders.find((candidate) => isOf(candidate, report));
  if (order === undefined) {
    const isLate = report.clientOrderId !== null && registry.recentlyClosed.includes(report.clientOrderId);
    return { registry: isLate ? registry : withUnmatched<Saga, Kept>(registry, report), routed: null };
  }
  const key = reportKey(report);
  const heard = { ...order, brokerOrderId: order.brokerOrderId ?? report.brokerOrderId, lastHeardAt: Math.max(order.lastHeardAt, report.receivedAt) };
  if (order.seen.includes(key)) return { registry: withOrder<Saga, Kept>(registry, heard), routed: null };
  return { registry: withOrder<Saga, Kept>(registry, { ...heard, seen: [...order.seen, key] }), routed: { order: heard, report } };
};

/** Opens an order; reports that came before it are passed on now, in the order they came. */
export const register = <Saga, Kept extends Registry<Saga>>(registry: Kept, order: OpenOrder<Saga>): { readonly registry: Kept; readonly routed: readonly Routed<Saga>[] } => {
  if (registry.orders.some((known) => known.clientOrderId === order.clientOrderId)) return { registry, routed: [] };
  const waiting = registry.unmatched.filter((report) => isOf(order, report));
  let changed: Kept = {
    ...registry,
    orders: [...registry.orders, order],
    unmatched: registry.unmatched.filter((report) => !isOf(order, report)),
    recentlyClosed: registry.recentlyClosed.filter((closed) => closed !== order.clientOrderId),
  };
  const routed: Routed<Saga>[] = [];
  for (const report of waiting) {
    const observed = observe<Saga, Kept>(changed, report);
    changed = observed.registry;
    if (observed.routed !== null) routed.push(observed.routed);
  }
  return { registry: changed, routed };
};

/** Closes an order: reports that still come are known to be late. */
export const forget = <Saga, Kept extends Registry<Saga>>(registry: Kept, clientOrderId: string): Kept => ({
  ...registry,
  orders: registry.orders.filter((order) => order.clientOrderId !== clientOrderId),
  recentlyClosed: [...registry.recentlyClosed.filter((closed) => closed !== clientOrderId), clientOrderId].slice(-RECENTLY_CLOSED_MAX),
});
