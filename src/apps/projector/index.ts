export { createProjector, type Projector, type ProjectorOptions, rebuildProjection, type RebuildProjectionOptions } from './projector.ts';
export { allProjections } from './all-projections.ts';
export type { ProjectionStatus } from './runner.ts';
export type { LaneStatus } from './lane.ts';
export type { RebuildReport } from './rebuild.ts';
