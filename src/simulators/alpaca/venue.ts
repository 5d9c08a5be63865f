import { createEngine, type Engine } from './engine.ts';
import type { EngineConfig, Quote, VenueEvent } from './engine-types.ts';
import { uuidOf } from './ids.ts';

export type AccountSpec = { readonly keyId: string; readonly secret: string; readonly accountId?: string; readonly cash?: bigint };

export type Account = {
  readonly keyId: string;
  readonly accountId: string;
  readonly engine: Engine;
  status: string;
  isTradingBlocked: boolean;
};

export type VenueOptions = {
  /** The accounts there are; empty: every key pair opens an account of its own. */
  readonly accounts: readonly AccountSpec[];
  readonly config: EngineConfig;
  readonly nowMs: () => number;
  readonly onEvent: (account: Account, event: VenueEvent) => void;
};

/** All accounts of the simulator over one market, with real timers driving what the engines have on their agendas. */
export type Venue = {
  /** null: no such credentials. */
  readonly accountOf: (keyId: string, secret: string) => Account | null;
  readonly byKeyId: (keyId: string | null) => Account | null;
  readonly accounts: () => readonly Account[];
  readonly quote: (quote: Quote) => void;
  /** Does what is due, and arms the timer for what is next. Call after every change. */
  readonly pump: () => void;
  readonly setAckAfterMs: (ackAfterMs: number) => void;
  readonly stop: () => void;
};

export const createVenue = (options: VenueOptions): Venue => {
  const accounts = new Map<string, Account>();
  const quotes = new Map<string, Quote>();
  let timer: NodeJS.Timeout | null = null;
  let ackAfterMs = options.config.ackAfterMs;

  const open = (spec: AccountSpec): Account => {
    const engine = createEngine({ ...options.config, idScope: `${options.config.idScope}/${spec.keyId}`, ackAfterMs, cash: spec.cash ?? options.config.cash }, (event) => options.onEvent(account, event));
    const account: Account = {
      keyId: spec.keyId, accountId: spec.accountId ?? uuidOf(`account/${spec.keyId}`), engine, status: 'ACTIVE', isTradingBlocked: false,
    };
    accounts.set(spec.keyId, account);
    for (const quote of quotes.values()) engine.quote(quote, options.nowMs());
    return account;
  };
  for (const spec of options.accounts) open(spec);

  const accountOf = (keyId: string, secret: string): Account | null => {
    if (keyId === '' || secret === '') return null;
    if (options.accounts.length > 0) {
      const isKnown = options.accounts.some((spec) => spec.keyId === keyId && spec.secret === secret);
      return isKnown ? (accounts.get(keyId) ?? null) : null;
    }
    return accounts.get(keyId) ?? open({ keyId, secret });
  };

  const pump = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    let nextMs: number | null = null;
    for (const { engine } of accounts.values()) {
      engine.advance(options.nowMs());
      const due = engine.nextDueMs();
      if (due !== null && (nextMs === null || due < nextMs)) nextMs = due;
    }
    if (nextMs !== null) timer = setTimeout(pump, Math.max(1, nextMs - options.nowMs()));
  };

  return {
    accountOf,
    byKeyId: (keyId) => (keyId === null ? (accounts.values().next().value ?? null) : (accounts.get(keyId) ?? null)),
    accounts: () => [...accounts.values()],
    quote: (quote) => {
      quotes.set(quote.symbol, quote);
      for (const { engine } of accounts.values()) engine.quote(quote, options.nowMs());
    },
    pump,
    setAckAfterMs: (next) => {
      ackAfterMs = next;
      for (const { engine } of accounts.values()) engine.setAckAfterMs(next);
    },
    stop: () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
};
