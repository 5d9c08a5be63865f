import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a program says of itself: 200 when ready, else 503 with the reasons. */
export type Readiness = { readonly isReady: boolean; readonly detail: unknown };
export type HealthServer = { readonly url: string; readonly close: () => Promise<void> };

/** `/health/live` and `/health/ready` of a program without HTTP of its own, on loopback unless told otherwise. Rejects where the port is taken. */
export const serveHealth = async (options: { readonly port: number; readonly host: string; readonly readiness: () => Readiness }): Promise<HealthServer> => {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://health');
    const { isReady, detail } = pathname === '/health/live' ? { isReady: true, detail: null } : options.readiness();
    const status = pathname !== '/health/live' && pathname !== '/health/ready' ? 404 : isReady ? 200 : 503;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ status: status === 200 ? 'ready' : 'not-ready', detail })}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: options.host }, resolve);
  });
  const address: AddressInfo | string | null = server.address();
  return {
    url: `http://${options.host}:${typeof address === 'object' && address !== null ? address.port : options.port}`,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
};
