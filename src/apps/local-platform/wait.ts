import { setTimeout as delay } from 'node:timers/promises';

/** Polls a condition until it yields a value; undefined means not yet. Returns undefined after `timeoutMs`. */
export const waitFor = async <Value>(
  condition: () => Value | undefined | Promise<Value | undefined>,
  options: { readonly timeoutMs: number; readonly intervalMs?: number },
): Promise<Value | undefined> => {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined) return value;
    if (performance.now() >= deadline) return undefined;
    await delay(options.intervalMs ?? 50);
  }
};
