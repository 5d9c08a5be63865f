/** A simulator as a process of its own: says where it serves, ends on SIGTERM or SIGINT. */
export const runAsProcess = async (start: (port: number) => Promise<{ readonly url: string; readonly stop: () => Promise<void> }>): Promise<void> => {
  const port = Number(process.env['PORT'] ?? '0');
  const simulator = await start(port);
  process.stdout.write(`${simulator.url}\n`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void simulator.stop().then(() => process.exit(0)));
};
