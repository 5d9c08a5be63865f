import type { AccountOutcome } from '#participants/trading-engine';

/** Error code when a broker address would reach real money without being named. */
export class LiveTradingRefused extends Error {
  override readonly name = 'LiveTradingRefused';
  readonly code = 'LIVE_TRADING_REFUSED';
}

/** Whether an address can only reach this machine. A name that merely begins like loopback is none. */
export const isLoopbackUrl = (url: string): boolean => {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
};

export type InterlockOptions = {
  /** Every address of the broker: REST and stream. */
  readonly urls: readonly string[];
  /** CHORUS_LIVE_TRADING; undefined if not set. */
  readonly liveTradingAccountId: string | undefined;
  /** Asks the broker, once, at start. */
  readonly getAccount: () => Promise<AccountOutcome>;
};

/**
 * Real money is interlocked: resolves at once for loopback addresses; any other address needs CHORUS_LIVE_TRADING to name
 * the very account that the broker then reports, or this rejects with LIVE_TRADING_REFUSED. Call it before any order.
 */
export const assertLoopbackOrNamedAccount = async (options: InterlockOptions): Promise<'loopback' | 'named-account'> => {
  const remote = options.urls.filter((url) => !isLoopbackUrl(url));
  if (remote.length === 0) return 'loopback';
  const named = options.liveTradingAccountId;
  if (named === undefined || named === '') {
    throw new LiveTradingRefused(`broker address ${remote.join(', ')} is not loopback: set CHORUS_LIVE_TRADING to the id of the account that may be traded`);
  }
  const outcome = await options.getAccount();
  if (outcome.status !== 'found') {
    throw new LiveTradingRefused(`broker ${remote.join(', ')} did not tell its account id (${outcome.status}): CHORUS_LIVE_TRADING=${named} cannot be checked`);
  }
  if (outcome.account.accountId !== named) {
    throw new LiveTradingRefused(`broker ${remote.join(', ')} reports account ${outcome.account.accountId}, but CHORUS_LIVE_TRADING names ${named}`);
  }
  return 'named-account';
};
