/** Why a provider did not serve. */
export type Unavailability = 'rate_limited' | 'server_error' | 'timeout' | 'invalid_output' | 'circuit_open';

/**
 * Which entry of a list of providers an attempt of the whole list begins with: each gets `attemptsEach` attempts. Both from 1 and
 * from 0 as named: attempt 1 asks entry 0.
 */
export const entryOfAttempt = (attempt: number, attemptsEach: number): number => Math.floor((attempt - 1) / attemptsEach);

/** The attempt is the last one of its entry. */
export const isLastOfEntry = (attempt: number, attemptsEach: number): boolean => attempt % attemptsEach === 0;
