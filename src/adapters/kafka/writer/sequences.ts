const SEQUENCE_COUNT = 2 ** 31;

/** The sequence `recordCount` records later: sequences run from 0 to 2^31 - 1 and start again at 0. */
export const advanceSequence = (sequence: number, recordCount: number): number => (sequence + recordCount) % SEQUENCE_COUNT;
