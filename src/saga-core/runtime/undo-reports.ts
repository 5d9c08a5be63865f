import { compensationCompleted, type CompensationCompleted, compensationFailed, type CompensationFailed } from '#contracts/core';
import { erase } from '#kernel';
import type { FoldedRecord, Instance } from '../engine/index.ts';
import type { TaskEnvironment } from './task-environment.ts';

type Reporting = Pick<TaskEnvironment, 'counters' | 'logger'>;
type Undone = { readonly sagaId: string; readonly step: string; readonly item: string | null };

/** Every undoing is a warning that names saga and step. */
export const reportUndone = ({ counters, logger }: Reporting, undone: Undone): void => {
  counters.compensated++;
  logger.warn(`compensated ${undone.step}`, undone);
};

/** Refused, or of unknown outcome for good: the instance waits for a person. */
export const reportNotUndone = ({ counters, logger }: Reporting, undone: Undone, reason: string): void => {
  counters.quarantined++;
  logger.warn(`not compensated ${undone.step}`, { ...undone, reason });
};

/**
 * What an entity said of an undo that a step of this participant asked for. The participant's own records, such as a step that is kept,
 * or an undo that could not even be asked for, are not the entity's word.
 */
export const reportEntityUndo = ({ environment, participant }: { readonly environment: Reporting; readonly participant: string }, instance: Instance, record: FoldedRecord): void => {
  const { type, envelope, payload } = record;
  if (type !== compensationCompleted.name && type !== compensationFailed.name) return;
  const step = instance.saga.owned.find(({ name }) => name === envelope.stepName);
  if (step?.definition.kind !== 'entity' || envelope.chain.id === participant) return;
  const undone = { sagaId: instance.correlationId, step: step.name, item: envelope.stepItem };
  if (type === compensationFailed.name) return reportNotUndone(environment, undone, erase<CompensationFailed>(payload()).reason);
  if (!erase<CompensationCompleted>(payload()).kept) reportUndone(environment, undone);
};
