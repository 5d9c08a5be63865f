import { type ConnectionState, reportAccountCommand, reportConnectionCommand } from '#contracts';
import { isPositive, parseDecimal } from '#kernel';
import { event, type Hands, type Held } from '#saga-core';
import type { Cancel, Clock, Log } from '#saga-core/ports';
import { reportKey } from '../business/order-registry.ts';
import type { CallLimits, Venue, VenueUpdate } from '../gateways.ts';
import { reportOfUpdate, reportsOfPoll } from './venue-reports.ts';

/** An open order is asked for after this silence while the stream is live … */
export const SILENCE_LIVE_MS = 5_000;
/** … and after this one while it is down. */
export const SILENCE_DOWN_MS = 2_000;
const WATCH_INTERVAL_MS = 500;
const CALL_MS = 3_000;
const ACCOUNT_RETRY_MS = 1_000;
/** The account is asked for again this often, so that a block, a closing or a deposit is noticed … */
export const ACCOUNT_INTERVAL_MS = 60_000;
/** … and this long after a fill, by when the order has usually been settled here too; fills within that time share one question. */
export const ACCOUNT_AFTER_FILL_MS = 5_000;
/** Orders asked for in one round, so that a long list cannot flood the venue. */
const POLLS_PER_ROUND_MAX = 10;

const isSomeFilled = (filledQty: string): boolean => {
  const qty = parseDecimal(filledQty);
  return qty.ok && isPositive(qty.value);
};

export type HolderNeeds = { readonly clock: Clock; readonly log: Log };

/**
 * Holds one venue connection for whoever owns its entity's partition: passes on what the stream brings, asks for orders it has
 * heard nothing of, and has everything recorded through the entity before anybody acts on it.
 */
class ConnectionHolder implements Held<ConnectionState> {
  readonly #key: string;
  readonly #venue: Venue;
  readonly #hands: Hands<ConnectionState>;
  readonly #needs: HolderNeeds;
  readonly #ending = new AbortController();
  readonly #askedAtMs = new Map<string, number>();
  readonly #unsubscribe: (() => void)[] = [];
  #cancelTimer: Cancel | null = null;
  #isAsking = false;
  #isUnauthorized = false;
  /** By the monotonic clock. */
  #accountDueAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly key: string; readonly venue: Venue; readonly hands: Hands<ConnectionState>; readonly needs: HolderNeeds }) {
    this.#key = options.key;
    this.#venue = options.venue;
    this.#hands = options.hands;
    this.#needs = options.needs;
  }

  open(): this {
    const { stream } = this.#venue;
    this.#unsubscribe.push(
      stream.onUpdate((update) => {
        const report = reportOfUpdate(update, this.#needs.clock.nowMillis());
        if (report !== null) this.#hands.send(report);
        this.#noticed(update);
      }),
      stream.onStateChange(({ status }) => {
        this.#needs.log.info('broker stream changed', { brokerConnectionId: this.#key, status });
        if (status !== 'unauthorized') return;
        this.#isUnauthorized = true;
        this.#hands.send(event(reportConnectionCommand, { status: 'FAILED', reason: 'credentials refused' }));
      }),
    );
    stream.start();
    this.#watch();
    return this;
  }

  update(): void {
    // The state is read when the next round begins.
  }

  async close(): Promise<void> {
    this.#ending.abort();
    this.#cancelTimer?.();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await this.#venue.stream.stop();
  }

  #noticed(update: VenueUpdate): void {
    if (update.type === 'filled' || update.type === 'partially_filled') {
      this.#accountDueAtMs = Math.min(this.#accountDueAtMs, this.#needs.clock.monotonicMillis() + ACCOUNT_AFTER_FILL_MS);
    }
    if (update.type !== 'busted') return;
    // A running saga undoes it; of one whose result is booked nobody does.
    const { executionId, order } = update;
    const isOpen = this.#hands.state().orders.some((known) => known.clientOrderId === order?.clientOrderId);
    this.#needs.log.error('the venue took an execution back: compare the position with the venue', {
      brokerConnectionId: this.#key, executionId, clientOrderId: order?.clientOrderId ?? null, brokerOrderId: order?.brokerOrderId ?? null, isOrderOpen: isOpen,
    });
  }

  #watch(): void {
    if (this.#ending.signal.aborted) return;
    void this.#round();
    this.#cancelTimer = this.#needs.clock.after(WATCH_INTERVAL_MS, () => this.#watch());
  }

  async #round(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await this.#askForAccount();
      await this.#askForSilentOrders();
    } catch (error) {
      this.#needs.log.error('asking the broker failed', { brokerConnectionId: this.#key, reason: error instanceof Error ? error.message : String(error) });
    } finally {
      this.#isAsking = false;
    }
  }

  #limits(): CallLimits {
    return { timeoutMs: CALL_MS, signal: this.#ending.signal };
  }

  async #askForAccount(): Promise<void> {
    const { clock } = this.#needs;
    if (this.#isUnauthorized || clock.monotonicMillis() < this.#accountDueAtMs) return;
    this.#accountDueAtMs = clock.monotonicMillis() + ACCOUNT_RETRY_MS;
    const accountAsOf = clock.nowMillis();
    const answer = await this.#venue.gateway.getAccount(this.#limits());
    if (answer.status !== 'found' || this.#ending.signal.aborted) return;
    this.#accountDueAtMs = clock.monotonicMillis() + ACCOUNT_INTERVAL_MS;
    const { accountId, isActive, isTradingBlocked, venueStatus, buyingPower, cash } = answer.account;
    const accountStatus = isActive && !isTradingBlocked ? 'ACTIVE' : venueStatus === 'ACTIVE' ? 'BLOCKED' : venueStatus;
    this.#hands.send(event(reportAccountCommand, { accountId, accountStatus, buyingPower, cash, accountAsOf }));
  }

  async #askForSilentOrders(): Promise<void> {
    const { orders } = this.#hands.state();
    const open = new Set(orders.map((order) => order.clientOrderId));
    for (const asked of this.#askedAtMs.keys()) if (!open.has(asked)) this.#askedAtMs.delete(asked);
    const silenceMs = this.#venue.stream.state().status === 'live' ? SILENCE_LIVE_MS : SILENCE_DOWN_MS;
    const now = this.#needs.clock.nowMillis();
    const silent = orders.filter((order) => now - Math.max(order.lastHeardAt, this.#askedAtMs.get(order.clientOrderId) ?? 0) >= silenceMs);
    for (const order of silent.slice(0, POLLS_PER_ROUND_MAX)) {
      if (this.#ending.signal.aborted) return;
      this.#askedAtMs.set(order.clientOrderId, now);
      await this.#askFor(order.clientOrderId, order.seen);
    }
  }

  async #askFor(clientOrderId: string, seen: readonly string[]): Promise<void> {
    const found = await this.#venue.gateway.findByClientOrderId(clientOrderId, this.#limits());
    if (found.status !== 'found') return;
    const { order } = found;
    const query = { brokerOrderId: order.brokerOrderId, sinceMs: order.submittedAtMs ?? 0 };
    const listed = isSomeFilled(order.filledQty) ? await this.#venue.gateway.listFills(query, this.#limits()) : ({ status: 'listed', fills: [] } as const);
    // An end without its fills would be taken for an order that was never filled: the next round asks again.
    if (listed.status !== 'listed' || this.#ending.signal.aborted) return;
    for (const report of reportsOfPoll(order, listed.fills, this.#needs.clock.nowMillis())) {
      if (!seen.includes(reportKey(report.payload))) this.#hands.send(report);
    }
  }
}

/** Opens the venue's connection. */
export const holdConnection = (options: { readonly key: string; readonly venue: Venue; readonly hands: Hands<ConnectionState>; readonly needs: HolderNeeds }): Held<ConnectionState> =>
  new ConnectionHolder(options).open();
