import { WebSocket } from 'ws';
import type { BrokerStream, BrokerStreamState, BrokerUpdate } from '#participants/trading-engine';
import type { Cancel, Clock } from '#saga-core/ports';
import { isJsonObject, parseTradeUpdate } from './wire.ts';

const HANDSHAKE_TIMEOUT_MS = 5_000;
const PING_EVERY_MS = 10_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 15_000;
const FRAME_BYTES_MAX = 1024 * 1024;

export type AlpacaTradeStreamOptions = {
  /** e.g. wss://paper-api.alpaca.markets/stream */
  readonly url: string;
  readonly keyId: string;
  readonly secret: string;
  readonly clock: Clock;
  /** A message that could not be read: it is dropped, and the owner should poll. */
  readonly onUnreadable?: (reason: string) => void;
};

/** Wait before the n-th reconnect, counted from 1: doubling from 0.5 s to 15 s. */
export const reconnectDelayMs = (attempt: number): number => Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (Math.min(attempt, 16) - 1));

type Frame = { readonly stream: string; readonly data: unknown };

const parseFrame = (text: string): Frame | null => {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && typeof value['stream'] === 'string' ? { stream: value['stream'], data: value['data'] } : null;
  } catch {
    return null;
  }
};

const bytesToText = (data: WebSocket.RawData): string => {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data).toString('utf8');
};

/**
 * Alpaca's trade_updates over one WebSocket: authenticates, subscribes, pings, and reconnects with growing waits until it is
 * stopped. Updates missed while it was down are not replayed: whoever waits for one polls in any state but `live`.
 */
export const createAlpacaTradeStream = (options: AlpacaTradeStreamOptions): BrokerStream => {
  const { clock } = options;
  const updateListeners = new Set<(update: BrokerUpdate) => void>();
  const stateListeners = new Set<(state: BrokerStreamState) => void>();
  let state: BrokerStreamState = { status: 'stopped' };
  let socket: WebSocket | null = null;
  let failedAttempts = 0;
  let cancelTimer: Cancel = () => undefined;

  const enter = (next: BrokerStreamState): void => {
    state = next;
    for (const listener of stateListeners) listener(next);
  };
  const arm = (delayMs: number, callback: () => void): void => {
    cancelTimer();
    cancelTimer = clock.after(delayMs, callback);
  };

  const lose = (from: WebSocket, reason: string): void => {
    if (socket !== from) return;
    socket = null;
    from.terminate();
    cancelTimer();
    failedAttempts += 1;
    const retryInMs = reconnectDelayMs(failedAttempts);
    enter({ status: 'waiting', attempt: failedAttempts, retryInMs, reason });
    // A listener may have stopped the stream.
    if (state.status === 'waiting') arm(retryInMs, connect);
  };

  const refuse = (from: WebSocket): void => {
    socket = null;
    from.terminate();
    cancelTimer();
    enter({ status: 'unauthorized', reason: `${options.url} refused the credentials` });
  };

  /** A connection that answers no ping is dead, however open it looks. */
  const keepAlive = (current: WebSocket, isAnswered: boolean): void => {
    if (socket !== current) return;
    if (!isAnswered) return lose(current, `no pong within ${PING_EVERY_MS} ms`);
    let hasPong = false;
    current.once('pong', () => {
      hasPong = true;
    });
    current.ping();
    arm(PING_EVERY_MS, () => keepAlive(current, hasPong));
  };

  const handle = (current: WebSocket, frame: Frame): void => {
    if (frame.stream === 'authorization') {
      const status = isJsonObject(frame.data) ? frame.data['status'] : null;
      if (status === 'authorized') current.send(JSON.stringify({ action: 'listen', data: { streams: ['trade_updates'] } }));
      else refuse(current);
      return;
    }
    if (frame.stream === 'listening') {
      failedAttempts = 0;
      enter({ status: 'live', sinceMs: clock.nowMillis() });
      keepAlive(current, true);
      return;
    }
    if (frame.stream !== 'trade_updates') return;
    const update = parseTradeUpdate(frame.data);
    if (update === null) options.onUnreadable?.('trade_updates message that does not have the documented shape');
    else for (const listener of updateListeners) listener(update);
  };

  const connect = (): void => {
    enter({ status: 'connecting', attempt: failedAttempts + 1 });
    if (state.status !== 'connecting') return;
    const current = new WebSocket(options.url, { handshakeTimeout: HANDSHAKE_TIMEOUT_MS, maxPayload: FRAME_BYTES_MAX, followRedirects: false });
    socket = current;
    arm(HANDSHAKE_TIMEOUT_MS, () => lose(current, `not subscribed within ${HANDSHAKE_TIMEOUT_MS} ms`));
    current.on('open', () => current.send(JSON.stringify({ action: 'auth', key: options.keyId, secret: options.secret })));
    current.on('message', (data) => {
      if (socket !== current) return;
      const frame = parseFrame(bytesToText(data));
      if (frame === null) options.onUnreadable?.('frame that is no JSON message with a stream');
      else handle(current, frame);
    });
    current.on('error', (error) => lose(current, error.message));
    current.on('close', (code) => lose(current, `connection closed (${code})`));
  };

  return {
    start: () => {
      if (state.status === 'stopped') connect();
    },
    stop: () => {
      cancelTimer();
      const current = socket;
      socket = null;
      enter({ status: 'stopped' });
      if (current === null || current.readyState === WebSocket.CLOSED) return Promise.resolve();
      return new Promise((resolve) => {
        current.once('close', () => resolve());
        current.terminate();
      });
    },
    state: () => state,
    onUpdate: (listener) => {
      updateListeners.add(listener);
      return () => updateListeners.delete(listener);
    },
    onStateChange: (listener) => {
      stateListeners.add(listener);
      return () => stateListeners.delete(listener);
    },
  };
};
