import { randomBytes } from 'node:crypto';
import type { Clock, RandomSource } from '../ports/index.ts';

const LONGEST_TIMER_MS = 2_147_483_647;

/** The host's clock. */
export const systemClock: Clock = {
  nowMillis: () => Math.max(0, Date.now()),
  monotonicMillis: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, Math.min(delayMs, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** The host's randomness. */
export const systemRandom: RandomSource = {
  next: () => randomBytes(4).readUInt32LE() / 2 ** 32,
  id: () => randomBytes(16).toString('base64url'),
};
