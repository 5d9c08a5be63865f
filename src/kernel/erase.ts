/** Crosses from a typed declaration to its erased form and back; the pair of functions that use it vouch for each other. */
export const erase = <Target>(value: unknown): Target => value as Target;
