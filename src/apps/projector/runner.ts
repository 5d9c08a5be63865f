import type { Generation, ProjectionDefinition, ReadModelStore } from '#projections';
import type { Assignment, Clock, Codec, EventLog, Log, Membership } from '#saga-core/ports';
import { Lane, type LaneStatus } from './lane.ts';
import { rebuild } from './rebuild.ts';

export type RunnerOptions = {
  readonly projection: ProjectionDefinition;
  readonly store: ReadModelStore;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly namespace: string;
  readonly logger: Log;
  readonly group: string;
};

export type ProjectionStatus = { readonly projection: string; readonly generation: number; readonly lanes: readonly LaneStatus[]; readonly lag: number; readonly faultCount: number };

/** One projection in this process: a member of its group, with a lane for each partition it is assigned. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #lanes = new Map<string, Lane>();
  #generation: Generation | null = null;
  #membership: Membership | null = null;
  #assignment: Assignment | null = null;
  /** Assignments and switches are followed one after another. */
  #following: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  get projection(): ProjectionDefinition {
    return this.#options.projection;
  }

  status(): ProjectionStatus {
    const lanes = [...this.#lanes.values()].map((lane) => lane.status());
    return {
      projection: this.#options.projection.name,
      generation: this.#generation?.number ?? 0,
      lanes,
      lag: lanes.reduce((sum, lane) => sum + lane.lag, 0),
      faultCount: lanes.reduce((sum, lane) => sum + lane.faultCount, 0),
    };
  }

  /** Why waiting for some lane is in vain; null where it is not. */
  get failure(): string | null {
    for (const lane of this.#lanes.values()) if (lane.failure !== null) return `projection ${this.#options.projection.name}: ${lane.failure}`;
    return null;
  }

  /** What is stored, whoever stored it, by `topic/partition`; of the lanes here all that they have looked at. */
  async positions(): Promise<ReadonlyMap<string, number>> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.flush()));
    const positions = await this.#storedPositions();
    // A generation that readers were switched from leaves nothing behind, and without a record to project nobody would notice.
    if (positions.size > 0) return positions;
    await this.#reopen();
    return this.#storedPositions();
  }

  #storedPositions(): Promise<ReadonlyMap<string, number>> {
    return this.#generation?.positions() ?? Promise.resolve(new Map());
  }

  /** Opens the read model, building it again first where it is of an older version; resolves with the first assignment. */
  async start(): Promise<void> {
    const { projection, log, namespace, group } = this.#options;
    this.#generation = await this.#open();
    const topics = projection.topics.map((topic) => ({ topic: `${namespace}.${topic}`, set: `${namespace}.${topic}` }));
    await new Promise<void>((resolve, reject) => {
      log.join({ group, topics }, {
        onAssigned: (assignment) => {
          this.#assignment = assignment;
          this.#follow().then(resolve, reject);
        },
        onLost: () => {
          this.#assignment = null;
          this.#follow().catch((thrown: unknown) => this.#tell(thrown));
        },
        // A batch under way may end: the store refuses whoever comes second.
        beforeRejoin: () => Promise.resolve(),
      }).then((membership) => { this.#membership = membership; }, reject);
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#following.catch(() => undefined);
    await this.#stopLanes();
    await this.#membership?.leave();
  }

  #tell(thrown: unknown): void {
    this.#options.logger.error('a projection cannot follow its assignment', { projection: this.#options.projection.name, reason: thrown instanceof Error ? thrown.message : String(thrown) });
  }

  async #open(): Promise<Generation> {
    const { projection, store } = this.#options;
    const opened = await store.open(projection);
    if (opened.status === 'live') return opened.generation;
    this.#options.logger.info('a read model is built again for its new version', { projection: projection.name, storedVersion: opened.storedVersion, version: projection.version });
    await rebuild(this.#options);
    const again = await store.open(projection);
    if (again.status === 'live') return again.generation;
    throw new Error(`read model ${projection.name} is still of version ${again.storedVersion} after its rebuild`);
  }

  #follow(): Promise<void> {
    this.#following = this.#following.catch(() => undefined).then(() => this.#followNow());
    return this.#following;
  }

  async #followNow(): Promise<void> {
    if (this.#isStopped) return;
    const assigned = this.#assignment?.partitions ?? [];
    const wanted = new Set(assigned.map(({ topic, partition }) => `${topic}/${partition}`));
    for (const [key, lane] of this.#lanes) {
      if (wanted.has(key)) continue;
      this.#lanes.delete(key);
      await lane.stop();
    }
    await Promise.all(assigned.filter((at) => !this.#lanes.has(`${at.topic}/${at.partition}`)).map((at) => this.#startLane(at)));
  }

  async #startLane(at: { readonly topic: string; readonly partition: number }): Promise<void> {
    const generation = this.#generation;
    if (generation === null) return;
    const { projection, log, codec, clock, logger, namespace } = this.#options;
    const topic = at.topic.slice(namespace.length + 1);
    const lane = new Lane({
      projection, generation, log, reader: log.reader(), codec, clock, logger, topic, liveTopic: at.topic, partition: at.partition,
      onSuperseded: () => { this.#reopen().catch((thrown: unknown) => this.#tell(thrown)); },
    });
    this.#lanes.set(`${at.topic}/${at.partition}`, lane);
    await lane.start();
  }

  /** Readers were switched: from now on the other generation is written. */
  #reopen(): Promise<void> {
    this.#following = this.#following.catch(() => undefined).then(async () => {
      if (this.#isStopped) return;
      const generation = await this.#open();
      if (generation.number === this.#generation?.number) return;
      await this.#stopLanes();
      this.#generation = generation;
      await this.#followNow();
    });
    return this.#following;
  }

  async #stopLanes(): Promise<void> {
    const lanes = [...this.#lanes.values()];
    this.#lanes.clear();
    await Promise.all(lanes.map((lane) => lane.stop()));
  }
}
