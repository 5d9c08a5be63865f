/** Why an order's saga fails: machine-readable heads of `reason`, which compensations and endings go by. */
export const CANCELLED_AT_LIMIT = 'cancelled_at_limit';
export const CIRCUIT_OPEN = 'circuit_open';
const VENUE_ENDED = 'venue_ended';
const BUSTED = 'fill_busted';

export const venueEnded = (how: string, reason: string | null): string => `${VENUE_ENDED}: ${how}${reason === null ? '' : `, ${reason}`}`;
export const busted = (executionId: string): string => `${BUSTED}: ${executionId}`;

/** The head that the entity `positions` gives a refused fill. */
export const FILL_REJECTED = 'fill_rejected';
export const isFillRefused = (reason: string): boolean => reason.startsWith(FILL_REJECTED);

/** The execution that the venue took back, if that is the reason. */
export const bustedExecutionOf = (reason: string): string | null => (reason.startsWith(`${BUSTED}: `) ? reason.slice(BUSTED.length + 2) : null);

/** The end of the order at the venue was told by the step that failed: a compensation that finds it closed says nothing again. */
export const isEndToldAlready = (reason: string): boolean => reason.startsWith(CANCELLED_AT_LIMIT) || reason.startsWith(VENUE_ENDED);
