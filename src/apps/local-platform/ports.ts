import { createServer } from 'node:net';
import { LocalPlatformError } from './errors.ts';
import { waitFor } from './wait.ts';

const LOOPBACK = '127.0.0.1';
const REMEMBERED_TIMEOUT_MS = 2_000;

/** Whether nobody listens on a loopback port right now. */
export const isPortFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => { resolve(false); });
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => {
      server.close(() => { resolve(true); });
    });
  });

const listenAnywhere = (): Promise<{ readonly port: number; readonly close: () => Promise<void> }> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port: 0, host: LOOPBACK }, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') {
        reject(new Error('A TCP server has no port.'));
        return;
      }
      resolve({ port: address.port, close: () => new Promise((done) => { server.close(() => { done(); }); }) });
    });
  });

/** `count` different loopback ports that nobody uses at this moment. */
export const freePorts = async (count: number): Promise<readonly number[]> => {
  // All are held open together, else the kernel may hand out the same one twice.
  const servers = await Promise.all(Array.from({ length: count }, listenAnywhere));
  await Promise.all(servers.map((server) => server.close()));
  return servers.map((server) => server.port);
};

/** What the caller wishes for one part's port. */
export type PortWish = {
  readonly part: string;
  /** Asked for by the user: taken is an error. */
  readonly asked: number | undefined;
  /** Used last time: taken again if it is free, so that addresses survive a restart. */
  readonly remembered: number | undefined;
};

/** The port for one part: the asked one, else the remembered one if free, else any free one. */
export const choosePort = async (wish: PortWish): Promise<number> => {
  if (wish.asked !== undefined) {
    if (await isPortFree(wish.asked)) return wish.asked;
    throw new LocalPlatformError(
      'PORT_TAKEN',
      `Port ${String(wish.asked)} for ${wish.part} is taken by another program: stop that program or ask for another port.`,
    );
  }
  const { remembered } = wish;
  if (remembered !== undefined) {
    // It may be in the hands of a process that is just ending.
    const free = await waitFor(async () => ((await isPortFree(remembered)) ? true : undefined), { timeoutMs: REMEMBERED_TIMEOUT_MS });
    if (free === true) return remembered;
  }
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('No port was chosen.');
  return port;
};
