// For conditions that only asking can tell, such as what a simulator has seen.
import { setTimeout as pause } from 'node:timers/promises';

const PAUSE_MS = 25;
const LIMIT_MS = 180_000;

/** Asks until the condition holds. Rejects after `limitMs` with what was waited for. */
export const eventually = async (holds: () => boolean | Promise<boolean>, what: string, limitMs = LIMIT_MS): Promise<void> => {
  const untilMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await pause(PAUSE_MS);
  }
};
