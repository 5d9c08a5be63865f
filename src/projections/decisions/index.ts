export { decisionExecutions, decisionRecords, decisionsProjection } from './decisions.projection.ts';
