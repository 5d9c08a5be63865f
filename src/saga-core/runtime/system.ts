import { randomBytes } from 'node:crypto';
import type { Clock, RandomSource } from '../ports/index.ts';

const ID_BYTES = 16;
/** Random bytes are drawn from the host in portions: a call costs more than the bytes. */
const POOL_BYTES = 4_096;
let pool = Buffer.alloc(0);
let poolAt = 0;

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
  id: () => {
    if (poolAt + ID_BYTES > pool.length) {
      pool = randomBytes(POOL_BYTES);
      poolAt = 0;
    }
    poolAt += ID_BYTES;
    return pool.toString('base64url', poolAt - ID_BYTES, poolAt);
  },
};
