/** Waits; short steps of retry loops, which look at their own deadline and at being closed after each. */
export const pauseMs = (durationMs: number): Promise<void> => new Promise((resolve) => {
  setTimeout(resolve, durationMs);
});

/** The promise's value, or null when it takes longer; what it comes to later reaches nobody. */
export const within = async <Value>(durationMs: number, promise: Promise<Value>): Promise<Value | null> => {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), Math.max(0, durationMs));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};
