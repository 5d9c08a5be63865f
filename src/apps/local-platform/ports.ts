import { randomInt } from 'node:crypto';
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

// Below the ports that the kernel gives to outgoing connections (from 32768 on Linux, 49152 on macOS): while a broker is
// down, any connection could take its port, even a client's own attempt to reach it, which then talks to itself.
const PORT_MIN = 20_000;
const PORT_COUNT = 12_000;
const ATTEMPTS_MAX = 1_000;

const issued = new Set<number>();

/** `count` different loopback ports that nobody uses at this moment; this program is never given one twice. */
export const freePorts = async (count: number): Promise<readonly number[]> => {
  const ports: number[] = [];
  for (let attempt = 0; attempt < ATTEMPTS_MAX && ports.length < count; attempt += 1) {
    const port = PORT_MIN + randomInt(PORT_COUNT);
    if (issued.has(port)) continue;
    issued.add(port);
    if (await isPortFree(port)) ports.push(port);
  }
  if (ports.length === count) return ports;
  throw new LocalPlatformError(
    'PORT_TAKEN',
    `No ${String(count)} free ports were found between ${String(PORT_MIN)} and ${String(PORT_MIN + PORT_COUNT)}: stop some programs that listen there.`,
  );
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
