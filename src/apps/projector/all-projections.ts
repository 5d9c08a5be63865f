import type { ProjectionDefinition } from '#projections';
import { decisionsProjection } from '#projections/decisions';
import { fillsProjection } from '#projections/fills';
import { ordersProjection } from '#projections/orders';
import { pnlProjection } from '#projections/pnl';
import { positionsProjection } from '#projections/positions';
import { sagasProjection } from '#projections/sagas';

/** Every read model of this build. */
export const allProjections: readonly ProjectionDefinition[] = [sagasProjection, ordersProjection, fillsProjection, positionsProjection, pnlProjection, decisionsProjection];
