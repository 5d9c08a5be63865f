import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { arrayOf, parseJson, recordOf, textOf } from '../support/index.ts';

type Client = { readonly socket: WebSocket; keyId: string | null; isListening: boolean };

export type StreamMode = 'live' | 'cut' | 'mute';

/** The `/stream` WebSocket: JSON in binary frames. What happens while nobody listens is gone, as at the vendor. */
export type TradeStream = {
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly publish: (keyId: string, data: unknown) => void;
  /** cut: connections are ended and refused until live; mute: they stay, silent. */
  readonly setMode: (mode: StreamMode) => void;
  readonly dropConnections: () => void;
  readonly listenerCount: () => number;
  readonly stop: () => void;
};

const frameOf = (stream: string, data: unknown): Buffer => Buffer.from(JSON.stringify({ stream, data }));

/** `isAuthorized` judges key and secret. */
export const createTradeStream = (isAuthorized: (keyId: string, secret: string) => boolean): TradeStream => {
  const clients = new Set<Client>();
  const server = new WebSocketServer({ noServer: true });
  let mode: StreamMode = 'live';

  const authenticate = (client: Client, message: unknown): void => {
    const fields = { ...recordOf(message), ...recordOf(recordOf(message)['data']) };
    const keyId = textOf(recordOf(fields)['key'] ?? recordOf(fields)['key_id']) ?? '';
    const secret = textOf(recordOf(fields)['secret'] ?? recordOf(fields)['secret_key']) ?? '';
    const isKnown = isAuthorized(keyId, secret);
    client.keyId = isKnown ? keyId : null;
    client.socket.send(frameOf('authorization', { action: 'authenticate', status: isKnown ? 'authorized' : 'unauthorized' }));
  };

  const listen = (client: Client, message: unknown): void => {
    if (client.keyId === null) {
      client.socket.send(frameOf('authorization', { action: 'listen', status: 'unauthorized' }));
      return;
    }
    const wanted = arrayOf(recordOf(recordOf(message)['data'])['streams']);
    client.isListening = wanted.includes('trade_updates');
    client.socket.send(frameOf('listening', { streams: client.isListening ? ['trade_updates'] : [] }));
  };

  server.on('connection', (socket: WebSocket) => {
    const client: Client = { socket, keyId: null, isListening: false };
    clients.add(client);
    socket.on('error', () => socket.terminate());
    socket.on('close', () => clients.delete(client));
    socket.on('message', (data: Buffer) => {
      if (mode === 'mute') return;
      const message = parseJson(data.toString());
      const action = recordOf(message)['action'];
      if (action === 'auth' || action === 'authenticate') authenticate(client, message);
      if (action === 'listen') listen(client, message);
    });
  });

  const dropConnections = (): void => {
    for (const client of clients) client.socket.terminate();
  };
  return {
    upgrade: (request, socket, head) => {
      if (mode === 'cut' || new URL(request.url ?? '/', 'http://simulator').pathname !== '/stream') {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n');
        return;
      }
      server.handleUpgrade(request, socket, head, (webSocket) => server.emit('connection', webSocket, request));
    },
    publish: (keyId, data) => {
      if (mode !== 'live') return;
      for (const client of clients) {
        if (client.isListening && client.keyId === keyId) client.socket.send(frameOf('trade_updates', data));
      }
    },
    setMode: (next) => {
      mode = next;
      if (mode === 'cut') dropConnections();
    },
    dropConnections,
    listenerCount: () => [...clients].filter((client) => client.isListening).length,
    stop: () => {
      dropConnections();
      server.close();
    },
  };
};
