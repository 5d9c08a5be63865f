import { createServer, type RequestListener } from 'node:http';

/** Something that is served over HTTP, and how to end it. */
export type HttpServer = { readonly url: string; readonly close: () => Promise<void> };

/** Serves over HTTP until `close`; port 0: any free one. Rejects where the port is taken. */
export const serveHttp = async (handler: RequestListener, { port, host }: { readonly port: number; readonly host: string }): Promise<HttpServer> => {
  const server = createServer(handler);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, resolve);
  });
  const address = server.address();
  return {
    url: `http://${host}:${typeof address === 'object' && address !== null ? address.port : port}`,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
};
