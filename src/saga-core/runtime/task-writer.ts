import type { LongOpen, TransactionalWriter } from '../ports/index.ts';
import type { TaskEnvironment } from './task-environment.ts';

/** Whatever stalls one transaction stalls hundreds: the log tells of one of them this often, the counter of all. */
const REPORT_INTERVAL_MS = 10_000;

type Surroundings = Pick<TaskEnvironment, 'log' | 'clock' | 'logger' | 'counters' | 'limits'>;

/** Opens the writers of one participant's tasks, within its limits. A transaction that was open for long is counted, and logged now and then. */
export const taskWriters = ({ log, clock, logger, counters, limits }: Surroundings): ((transactionalId: string) => TransactionalWriter) => {
  let reportedAtMs = Number.NEGATIVE_INFINITY;
  let unreportedCount = 0;
  const onLongOpen = ({ transactionalId, openMs, endMs }: LongOpen): void => {
    counters.longTransactions++;
    const nowMs = clock.monotonicMillis();
    if (nowMs - reportedAtMs < REPORT_INTERVAL_MS) {
      unreportedCount++;
      return;
    }
    logger.warn('a transaction was open for long: readers of its partitions waited', { transactionalId, openMs: Math.round(openMs), endMs: Math.round(endMs), aboveMs: limits.longOpenMs, unreportedCount });
    reportedAtMs = nowMs;
    unreportedCount = 0;
  };
  const options = { commitTimeoutMs: limits.commitTimeoutMs, longOpen: { aboveMs: limits.longOpenMs, onLongOpen } };
  return (transactionalId) => log.writer(transactionalId, options);
};
