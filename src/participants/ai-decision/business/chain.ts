/** Why a provider did not serve. */
export type Unavailability = 'rate_limited' | 'server_error' | 'timeout' | 'invalid_output' | 'circuit_open';

/** How far a walk through a list of providers has come: which entry is next, from 0, how often it was asked, and what failed before. */
export type Walk<Tried> = { readonly entry: number; readonly askedCount: number; readonly tried: readonly Tried[] };

/**
 * The walk with which an attempt of the whole list begins, where nobody remembers it (another process made the attempts before):
 * as if every entry so far had failed as often as it may. The attempt in which an entry fails for the last time asks the next one
 * as well, so every entry but the first gets one attempt less of its own.
 */
export const walkOfAttempt = (attempt: number, attemptsEach: number): Walk<never> => {
  const ownAttempts = attemptsEach - 1;
  if (attempt <= 1 || ownAttempts < 1) return { entry: 0, askedCount: 0, tried: [] };
  const entry = Math.floor((attempt - 2) / ownAttempts);
  return { entry, askedCount: attempt - 1 - entry * ownAttempts, tried: [] };
};
