/** Answers being held back; all of them are let go when the simulator stops. */
export type Holds = { readonly hold: (delayMs: number) => Promise<void>; readonly releaseAll: () => void };

export const createHolds = (): Holds => {
  const pending = new Set<() => void>();
  return {
    hold: (delayMs) => {
      if (delayMs === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const finish = (): void => {
          clearTimeout(timer);
          pending.delete(finish);
          resolve();
        };
        const timer = setTimeout(finish, delayMs);
        pending.add(finish);
      });
    },
    releaseAll: () => {
      for (const finish of [...pending]) finish();
    },
  };
};
