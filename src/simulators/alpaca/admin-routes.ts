import { type AdminRoute, arrayOf, type AssignmentBook, isRecord, recordOf, type SimReply, type SimRequest, textOf, wholeOf } from '../support/index.ts';
import { parseDecimal } from './decimal.ts';
import type { FillScript } from './engine-types.ts';
import { parseStep } from './script.ts';
import type { StreamMode, TradeStream } from './stream.ts';
import type { Account, Venue } from './venue.ts';
import { orderWithLegs, parseQuote, positionBody, accountBody } from './wire.ts';

const OK: SimReply = { status: 200, body: { ok: true } };
const badRequest = (message: string): SimReply => ({ status: 400, body: { message } });

export type AdminContext = {
  readonly venue: Venue;
  readonly stream: TradeStream;
  readonly scripts: AssignmentBook<FillScript>;
  /** Cancel confirmations by order: client order id or order id → milliseconds. */
  readonly confirmations: Map<string, number>;
  readonly nowMs: () => number;
};

/** Alpaca's own controls. `key_id` picks the account; without it the first one is meant. */
export const alpacaAdminRoutes = (context: AdminContext): readonly AdminRoute[] => [
  ...marketControls(context),
  ...orderControls(context),
  ...accountControls(context),
];

const accountIn = (context: AdminContext, request: SimRequest): Account | null =>
  context.venue.byKeyId(textOf(recordOf(request.body)['key_id']) ?? request.query.get('key_id'));

const NO_ACCOUNT = badRequest('no such account: an account is opened by its first request or by the accounts option');

const marketControls = (context: AdminContext): readonly AdminRoute[] => [
  {
    method: 'POST', path: '/admin/quotes',
    handle: ({ body }) => {
      const quotes = (Array.isArray(body) ? arrayOf(body) : [body]).map(parseQuote);
      const unreadable = quotes.indexOf(null);
      if (unreadable >= 0) return badRequest(`quote ${unreadable}: needs symbol and one of last, bid, ask`);
      for (const quote of quotes) if (quote !== null) context.venue.quote(quote);
      context.venue.pump();
      return { status: 200, body: { accepted: quotes.length } };
    },
  },
  {
    method: 'POST', path: '/admin/stream',
    handle: ({ body }) => {
      const action = recordOf(body)['action'];
      const modes: Readonly<Record<string, StreamMode>> = { cut: 'cut', resume: 'live', mute: 'mute' };
      const mode = typeof action === 'string' ? modes[action] : undefined;
      if (mode === undefined) return badRequest('action must be cut, resume or mute');
      context.stream.setMode(mode);
      return OK;
    },
  },
  { method: 'GET', path: '/admin/stream', handle: () => ({ status: 200, body: { listeners: context.stream.listenerCount() } }) },
  {
    method: 'POST', path: '/admin/close-market',
    handle: () => {
      for (const { engine } of context.venue.accounts()) engine.expireDayOrders(context.nowMs());
      return OK;
    },
  },
];

const orderControls = (context: AdminContext): readonly AdminRoute[] => [
  {
    method: 'POST', path: '/admin/fill-scripts',
    handle: ({ body }) => {
      const rules = Array.isArray(body) ? arrayOf(body) : [body];
      return rules.every(context.scripts.add) ? OK : badRequest('a fill script is {key?, symbol?, times?, script: [step, …] | "none"}');
    },
  },
  { method: 'DELETE', path: '/admin/fill-scripts', handle: () => (context.scripts.clear(), OK) },
  {
    method: 'POST', path: '/admin/cancel-confirmations',
    handle: ({ body }) => {
      const key = textOf(recordOf(body)['key']);
      const afterMs = wholeOf(recordOf(body)['after_millis'], 0);
      if (key === null || afterMs === null) return badRequest('needs {key, after_millis}');
      context.confirmations.set(key, afterMs);
      return OK;
    },
  },
  {
    // One step of a script, now: {key, step}.
    method: 'POST', path: '/admin/orders/step',
    handle: (request) => {
      const account = accountIn(context, request);
      const step = parseStep(recordOf(request.body)['step']);
      if (account === null) return NO_ACCOUNT;
      if (step === null) return badRequest('needs {key, step: {qty?, price?} | {action}}');
      const order = account.engine.order(textOf(recordOf(request.body)['key']) ?? '');
      if (order === null) return { status: 404, body: { message: 'no such order' } };
      const refusal = account.engine.step(order.id, step, context.nowMs());
      context.venue.pump();
      return refusal === null ? OK : { status: refusal.httpStatus, body: { message: refusal.message } };
    },
  },
  {
    method: 'GET', path: '/admin/orders',
    handle: (request) => {
      const account = accountIn(context, request);
      return account === null ? NO_ACCOUNT : { status: 200, body: account.engine.orders().map((order) => orderWithLegs(account.engine, order)) };
    },
  },
];

const accountControls = (context: AdminContext): readonly AdminRoute[] => [
  {
    method: 'POST', path: '/admin/split',
    handle: (request) => {
      const account = accountIn(context, request);
      if (account === null) return NO_ACCOUNT;
      const { symbol, numerator, denominator } = recordOf(request.body);
      const name = textOf(symbol);
      const [up, down] = [wholeOf(numerator, 1), wholeOf(denominator, 1)];
      if (name === null || up === null || down === null) return badRequest('needs {symbol, numerator, denominator}');
      account.engine.split(name, BigInt(up), BigInt(down));
      const position = account.engine.positions().find((held) => held.symbol === name);
      return { status: 200, body: position === undefined ? null : positionBody(account.engine, position) };
    },
  },
  {
    method: 'GET', path: '/admin/account',
    handle: (request) => {
      const account = accountIn(context, request);
      return account === null ? NO_ACCOUNT : { status: 200, body: accountBody(account.engine, account) };
    },
  },
  {
    method: 'POST', path: '/admin/account',
    handle: (request) => {
      const account = accountIn(context, request);
      if (account === null || !isRecord(request.body)) return NO_ACCOUNT;
      const cash = parseDecimal(textOf(request.body['cash']) ?? '');
      if (cash !== null) account.engine.setCash(cash);
      account.status = textOf(request.body['status']) ?? account.status;
      if (typeof request.body['trading_blocked'] === 'boolean') account.isTradingBlocked = request.body['trading_blocked'];
      return { status: 200, body: accountBody(account.engine, account) };
    },
  },
];
