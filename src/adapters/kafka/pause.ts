/** Waits; short steps of retry loops, which look at their own deadline and at being closed after each. */
export const pauseMs = (durationMs: number): Promise<void> => new Promise((resolve) => {
  setTimeout(resolve, durationMs);
});
