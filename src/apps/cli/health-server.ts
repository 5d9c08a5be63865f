import { type HttpServer, serveHttp } from '#apps/worker';

/** What a program says of itself: 200 when ready, else 503 with the reasons. */
export type Readiness = { readonly isReady: boolean; readonly detail: unknown };

/** `/health/live` and `/health/ready` of a program without HTTP of its own. Rejects where the port is taken. */
export const serveHealth = (options: { readonly port: number; readonly host: string; readonly readiness: () => Readiness }): Promise<HttpServer> =>
  serveHttp((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://health');
    const { isReady, detail } = pathname === '/health/live' ? { isReady: true, detail: null } : options.readiness();
    const status = pathname !== '/health/live' && pathname !== '/health/ready' ? 404 : isReady ? 200 : 503;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ status: status === 200 ? 'ready' : 'not-ready', detail })}\n`);
  }, options);
