import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { chorusHome } from '#apps/local-platform';

const PREFIX = 'demo-';

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Folder of one demo's platform below `.chorus/`: two at once do not meet. What demos left that were killed is removed. */
export const instanceName = (): string => {
  for (const name of existsSync(chorusHome()) ? readdirSync(chorusHome()) : []) {
    const pid = new RegExp(`^${PREFIX}(\\d+)$`).exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) forgetInstance(name);
  }
  return `${PREFIX}${process.pid}`;
};

/** Removes an instance's data and logs; nothing of it may run any more. */
export const forgetInstance = (name: string): void => rmSync(join(chorusHome(), name), { recursive: true, force: true });
