export { positions, positionsProjection } from './positions.projection.ts';
