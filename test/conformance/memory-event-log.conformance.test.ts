import { eventLogConformance } from './event-log.ts';
import { makeMemoryStage } from './event-log/memory-stage.ts';

for (const seed of [1, 2, 3]) eventLogConformance(`in-memory event log, seed ${seed}`, makeMemoryStage(seed), 5_000);
