import type { EventLogStage } from './stage.ts';

/** One named behaviour of the port, checked on a fresh stage. */
export type Behaviour = readonly [name: string, check: (stage: EventLogStage) => Promise<void>];
