import { verifyLog } from '#apps/audit';
import { allProjections } from '#apps/projector';
import { aiDecision } from '#sagas/ai-decision';
import { orderExecution } from '#sagas/order-execution';
import { signalToExecution } from '#sagas/signal-to-execution';
import type { Stage } from './stage.ts';
import type { AuditSummary } from './summary.ts';

/** Every invariant over every record of the run, and every read model against a fresh fold, once the read models have caught up. */
export const auditRun = async ({ worker, projector, database }: Stage): Promise<AuditSummary> => {
  await projector.caughtUp();
  const { log, codec, namespace } = worker.connection;
  const verified = await verifyLog({
    log, codec, namespace, database, projections: allProjections, definitions: [signalToExecution, orderExecution, aiDecision], isFinished: true,
  });
  return {
    isClean: verified.violationCount === 0 && verified.unjudgedCount === 0,
    records: verified.recordCount,
    problems: verified.violations.map(({ invariant, instance, message }) => `${invariant}${instance === null ? '' : ` ${instance}`}: ${message}`),
  };
};
