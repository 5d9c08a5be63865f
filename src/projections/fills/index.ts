export { fills, fillsProjection } from './fills.projection.ts';
