import { randomUUID } from 'node:crypto';
import { behaviorRoutes, createAssignmentBook, type JsonRecord, recordOf, type SimRequest, startSimulator, textOf, wholeOf } from '../support/index.ts';
import { alpacaAdminRoutes } from './admin-routes.ts';
import { behaviorFaultOf, behaviorOrderId, behaviorProblem, behaviorScript, DEFAULT_BEHAVIOR } from './behavior.ts';
import { parseDecimal } from './decimal.ts';
import type { PlaceRequest } from './engine-types.ts';
import { alpacaRoutes } from './routes.ts';
import { parseScript } from './script.ts';
import { createTradeStream } from './stream.ts';
import { createVenue, type Account } from './venue.ts';
import { tradeUpdateBody } from './wire.ts';

const DEFAULT_CASH = '1000000';

export type AlpacaCredentials = {
  readonly keyId: string;
  readonly secret: string;
  /** Default: derived from the key id. */
  readonly accountId?: string;
  /** Decimal text. */
  readonly cash?: string;
};

export type AlpacaSimulatorOptions = {
  /** Default 0: a free one. Bound to loopback. */
  readonly port?: number;
  /** The only accounts there are; default: every key pair opens an account of its own. */
  readonly accounts?: readonly AlpacaCredentials[];
  /** Cash of an account that names none, decimal text; default 1000000. */
  readonly cash?: string;
  readonly isShortingAllowed?: boolean;
  /** Names orders that come without a client order id; default: another one at every start. */
  readonly seed?: string;
};

export type AlpacaSimulator = {
  /** Base URL of the REST API, without a trailing slash. */
  readonly url: string;
  readonly streamUrl: string;
  readonly adminUrl: string;
  readonly stop: () => Promise<void>;
};

const cashOf = (text: string): bigint => {
  const cash = parseDecimal(text);
  if (cash === null) throw new TypeError(`Alpaca simulator: cash "${text}" is not a decimal`);
  return cash;
};

/** Alpaca on real sockets: REST, the binary trade_updates stream and the /admin controls (docs/reference/simulators.md). */
export const startAlpacaSimulator = async (options: AlpacaSimulatorOptions = {}): Promise<AlpacaSimulator> => {
  const nowMs = (): number => Date.now();
  const scripts = createAssignmentBook('script', parseScript);
  const confirmations = new Map<string, number>();
  let behavior: JsonRecord = DEFAULT_BEHAVIOR;

  const venue = createVenue({
    nowMs,
    accounts: (options.accounts ?? []).map(({ cash, ...spec }) => (cash === undefined ? spec : { ...spec, cash: cashOf(cash) })),
    config: {
      idScope: options.seed ?? randomUUID(),
      cash: cashOf(options.cash ?? DEFAULT_CASH), ackAfterMs: 0, cancelConfirmedAfterMs: 0, isShortingAllowed: options.isShortingAllowed ?? false,
    },
    onEvent: (account, event) => stream.publish(account.keyId, tradeUpdateBody(account.engine, event)),
  });
  const stream = createTradeStream((keyId, secret) => venue.accountOf(keyId, secret) !== null);

  const findAccount = (request: SimRequest): Account | null =>
    venue.accountOf(textOf(request.headers['apca-api-key-id']) ?? '', textOf(request.headers['apca-api-secret-key']) ?? '');
  const accountOf = (request: SimRequest): Account => {
    const account = findAccount(request);
    if (account === null) throw new TypeError('request without an account reached the venue');
    return account;
  };
  const dress = (request: PlaceRequest): PlaceRequest => {
    const variant = request.clientOrderId === null ? null : simulator.planner.variantOf(request.clientOrderId, request.symbol);
    const planned = recordOf(variant?.extra)['script'];
    const script = scripts.take({ keys: request.clientOrderId === null ? [] : [request.clientOrderId], symbol: request.symbol }) ?? (planned === undefined ? null : parseScript(planned));
    return { ...request, script: script ?? behaviorScript(behavior), orderId: behaviorOrderId(behavior) };
  };
  const setBehavior = (next: JsonRecord): void => {
    behavior = next;
    venue.setAckAfterMs(wholeOf(behavior['ack_after_millis'], 0) ?? 0);
  };

  const simulator = await startSimulator({
    port: options.port ?? 0,
    mainRoute: 'submit_order',
    routes: alpacaRoutes({
      accountOf, findAccount, nowMs, dress,
      cancelConfirmedAfterMs: (order) =>
        confirmations.get(order.clientOrderId) ?? confirmations.get(order.id) ?? wholeOf(behavior['cancel_confirmed_after_millis'], 0) ?? 0,
    }),
    adminRoutes: [...alpacaAdminRoutes({ venue, stream, scripts, confirmations, nowMs }), ...behaviorRoutes({ read: () => behavior, change: setBehavior, initial: DEFAULT_BEHAVIOR, problemWith: behaviorProblem })],
    authorize: (request) => (findAccount(request) === null ? { status: 401, body: { code: 40110000, message: 'request is not authorized' } } : null),
    errorBody: (status) => ({ code: status * 100_000, message: `simulated error ${status}` }),
    behaviorFault: (target) => behaviorFaultOf(behavior, target),
    resetBehavior: () => {
      setBehavior(DEFAULT_BEHAVIOR);
      scripts.clear();
      confirmations.clear();
      stream.setMode('live');
    },
    dropConnections: (target) => {
      if (target !== 'http') stream.dropConnections();
    },
    // After the answer is on its way: an acknowledgement rarely overtakes it at the vendor.
    afterRequest: () => setImmediate(venue.pump),
    upgrade: stream.upgrade,
  });
  const { url } = simulator.server;
  return {
    url,
    streamUrl: `${url.replace('http:', 'ws:')}/stream`,
    adminUrl: `${url}/admin`,
    stop: async () => {
      venue.stop();
      stream.stop();
      await simulator.stop();
      // A request's pump may have been queued meanwhile.
      setImmediate(venue.stop);
    },
  };
};
