import { describe, test } from '@jest/globals';
import type { Behaviour } from './event-log/behaviour.ts';
import { fencing } from './event-log/fencing.ts';
import { groups } from './event-log/groups.ts';
import { positions } from './event-log/positions.ts';
import { reading } from './event-log/reading.ts';
import type { MakeStage } from './event-log/stage.ts';
import { writing } from './event-log/writing.ts';

const chapters: Readonly<Record<string, readonly Behaviour[]>> = { writing, fencing, reading, positions, groups };

/** The behaviour of the EventLog port: every implementation passes every one. */
export const eventLogConformance = (name: string, makeStage: MakeStage, testTimeoutMs = 60_000): void => {
  describe(name, () => {
    for (const [chapter, behaviours] of Object.entries(chapters)) {
      describe(chapter, () => {
        test.each(behaviours)('%s', async (_name, check) => {
          const stage = await makeStage();
          try {
            await check(stage);
          } finally {
            await stage.close();
          }
        }, testTimeoutMs);
      });
    }
  });
};
