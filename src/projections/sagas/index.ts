export { sagasProjection } from './sagas.projection.ts';
export { sagas, sagaSteps, sagaTimeline } from './tables.ts';
export { summaryOf } from './summary.ts';
