export { pnl, pnlProjection } from './pnl.projection.ts';
