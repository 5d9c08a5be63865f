import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { parseJson } from './json.ts';

const BODY_BYTES_MAX = 4 * 1024 * 1024;

export type SimRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; undefined if there is none or it cannot be parsed. */
  readonly body: unknown;
};

/** `body` goes out as JSON, `text` as it is; neither: an empty answer. */
export type SimReply = {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** What a handler may do with its connection besides answering. */
export type Connection = { readonly drop: () => void };

export type HttpServerOptions = {
  /** 0: a free one. Always bound to loopback. */
  readonly port: number;
  /** null: never answer. */
  readonly handle: (request: SimRequest, connection: Connection) => Promise<SimReply | null>;
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
};

export type HttpServer = {
  /** Without a trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Cuts every open HTTP connection now; upgraded ones are the vendor's. */
  readonly dropConnections: () => void;
  readonly stop: () => Promise<void>;
};

const readBody = async (message: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.length;
    if (bytes > BODY_BYTES_MAX) throw new RangeError(`request body above ${BODY_BYTES_MAX} bytes`);
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
};

const write = (response: ServerResponse, reply: SimReply): void => {
  if (response.destroyed) return;
  const text = reply.text ?? (reply.body === undefined ? '' : JSON.stringify(reply.body));
  const headers: Record<string, string> = text === '' ? {} : { 'content-type': 'application/json; charset=UTF-8' };
  response.writeHead(reply.status, { ...headers, ...reply.headers });
  response.end(text);
};

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });

/** A plain HTTP/1.1 server on loopback whose handlers may also cut the connection or stay silent. */
export const startHttpServer = async (options: HttpServerOptions): Promise<HttpServer> => {
  const sockets = new Set<Duplex>();
  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = await readBody(message);
    const target = new URL(message.url ?? '/', 'http://simulator');
    const request: SimRequest = {
      method: message.method ?? 'GET', path: target.pathname, query: target.searchParams, headers: message.headers,
      body: text === '' ? undefined : parseJson(text),
    };
    const reply = await options.handle(request, { drop: () => message.socket.destroy() });
    if (reply !== null) write(response, reply);
  };
  const server = createServer((message, response) => {
    answer(message, response).catch((cause: unknown) => {
      write(response, { status: 500, body: { message: `simulator failed: ${String(cause)}` } });
    });
  });
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  const { upgrade } = options;
  if (upgrade !== undefined) {
    server.on('upgrade', (message, socket, head) => {
      sockets.delete(socket);
      upgrade(message, socket, head);
    });
  }
  const port = await listen(server, options.port);
  const dropConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    dropConnections,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        dropConnections();
      }),
  };
};
