import { readFileSync } from 'node:fs';

/**
 * Whether Ctrl-C of a terminal reaches this process's whole group, the child included. `kill -INT` of this process alone, a
 * supervisor or a pipeline without a terminal do not.
 */
const isInForeground = () => {
  try {
    const line = readFileSync('/proc/self/stat', 'utf8');
    const [, , group, , , foreground] = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    return process.stdin.isTTY === true; // Without /proc (macOS).
  }
};

/** Hands on to the child what asks this process to end; a Ctrl-C that it has had already it does not get twice. */
export const passSignals = (child) => {
  for (const name of ['SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name));
  process.on('SIGINT', () => {
    if (!isInForeground()) child.kill('SIGINT');
  });
};
