import type { InvariantId } from '#saga-core/testing';

/** Something in the log, or in what was made of it, that must not be. */
export type AuditViolation = {
  /**
   * I1 one outcome, I2 one end, I3 order of steps, I4 undone in reverse order, I5 one effect per key, I6 positions, exposure and cycles, I7 read model = fold,
   * I8 partitions and causes, I9 nothing lost, I10 watermarks, CHAIN, WRITER.
   */
  readonly invariant: InvariantId | 'I6' | 'I7';
  /** `correlationId` or `correlationId/subSaga`; null where it concerns no single instance. */
  readonly instance: string | null;
  /** What is wrong, with names, values and offsets. */
  readonly message: string;
};

export type Report = (violation: AuditViolation) => void;
