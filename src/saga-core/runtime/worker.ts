import type { ParticipantDefinition } from '../definition/participant.ts';
import { participantFaults } from './catalogue.ts';
import { type HostOptions, ParticipantHost, type ParticipantStatus } from './participant-host.ts';
import { SharedDecoding } from './shared-decoding.ts';

/** What a worker runs on: its participants, the ports and its limits; times in milliseconds. */
export type WorkerOptions = HostOptions & { readonly participants: readonly ParticipantDefinition[] };

/** A running worker: participants whose partitions it shares with other workers of the same groups. */
export type Worker = {
  /**
   * Joins every participant's group; resolves when each has its first assignment and all tasks of it are live. Rejects, and has left,
   * where a partition is refused for good (WATERMARK_LOST, INPUT_LOST) or a definition version with open instances is missing.
   */
  readonly start: () => Promise<void>;
  /**
   * Begins nothing new, waits for the answers of calls under way (at most `drainTimeoutMs`), aborts what is left, commits and leaves
   * the groups. Idempotent: a second call waits for the same end.
   */
  readonly stop: () => Promise<void>;
  readonly status: () => readonly ParticipantStatus[];
  /**
   * Takes every saga partition of the participant over again, from the log alone. Resolves with the ids of
   * the instances that were found open. Rejects for a participant that this worker does not run.
   */
  readonly recover: (participant: string) => Promise<readonly string[]>;
};

/** Runs participants in this process. Throws at once, with every fault, when a participant is not well defined. */
export const createWorker = (options: WorkerOptions): Worker => {
  const faults = options.participants.flatMap((participant) => participantFaults(participant).map((fault) => `${participant.name}: ${fault}`));
  if (faults.length > 0) throw new Error(`worker refused:\n- ${faults.join('\n- ')}`);
  const decoding = new SharedDecoding(options.codec);
  const hosts = options.participants.map((participant) => new ParticipantHost(participant, options, decoding));
  return {
    start: async () => { await Promise.all(hosts.map((host) => host.start())); },
    stop: async () => { await Promise.all(hosts.map((host) => host.stop())); },
    status: () => hosts.map((host) => host.status()),
    recover: async (participant) => {
      const host = hosts.find((candidate) => candidate.name === participant);
      if (host === undefined) throw new Error(`participant ${participant} does not run here; there are ${hosts.map(({ name }) => name).join(', ')}`);
      return host.recover();
    },
  };
};
