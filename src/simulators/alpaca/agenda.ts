/** Things due at given times, in order of time and then of being added. */
export type Agenda<Item> = {
  readonly add: (dueMs: number, item: Item) => void;
  /** The earliest item due at or before `nowMs`, taken off; null if there is none. */
  readonly takeDue: (nowMs: number) => { readonly dueMs: number; readonly item: Item } | null;
  readonly nextDueMs: () => number | null;
};

export const createAgenda = <Item>(): Agenda<Item> => {
  const entries: { readonly dueMs: number; readonly item: Item }[] = [];
  return {
    add: (dueMs, item) => {
      // New items are mostly the latest: search from the end.
      let at = entries.length;
      while (at > 0 && (entries[at - 1]?.dueMs ?? 0) > dueMs) at -= 1;
      entries.splice(at, 0, { dueMs, item });
    },
    takeDue: (nowMs) => {
      const first = entries[0];
      if (first === undefined || first.dueMs > nowMs) return null;
      entries.shift();
      return first;
    },
    nextDueMs: () => entries[0]?.dueMs ?? null,
  };
};
