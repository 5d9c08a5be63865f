import { entityTick } from '#contracts/core';
import type { EntityDefinition, Held } from '../definition/entity.ts';
import { type DomainEvent, event } from '../definition/results.ts';
import { caught, messageOf } from './caught.ts';
import type { EntityStates, Keyed } from './entity-states.ts';
import type { TaskEnvironment } from './task-environment.ts';
import { TimerHeap } from './timer-heap.ts';

export type EntityFollowingOptions = {
  readonly environment: TaskEnvironment;
  readonly definition: EntityDefinition;
  readonly states: EntityStates;
  /** Of keys whose last tick was refused: outlives the task. */
  readonly ticksNotBeforeMs: Map<string, number>;
  /** A command that the log refused is being looked for, and may be a tick: no other one is sent meanwhile. */
  readonly isUnderCare: () => boolean;
  /** A command to the key itself. `onRefused`: the log takes it in no form. */
  readonly send: (key: string, said: DomainEvent, onRefused?: () => void) => void;
};

/** Timers and held resources of one entity partition: they follow the states that are committed. */
export class EntityFollowing {
  readonly #options: EntityFollowingOptions;
  readonly #timers: TimerHeap;
  readonly #held = new Map<string, Held<unknown>>();
  readonly #ticksUnderWay = new Set<string>();
  #isOpen = false;

  constructor(options: EntityFollowingOptions) {
    this.#options = options;
    this.#timers = new TimerHeap(options.environment.clock, (keys) => this.#onDue(keys));
  }

  /** The states are read: from now on they are followed. */
  open(): void {
    this.#isOpen = true;
    for (const keyed of this.#options.states.all()) this.follow(keyed);
  }

  close(): void {
    this.#isOpen = false;
    this.#timers.close();
  }

  /** Whatever a resource has to complain of, the others are closed. */
  async release(): Promise<void> {
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const closed of await Promise.allSettled(held.map(async (resource) => resource.close()))) {
      if (closed.status === 'rejected') this.#options.environment.logger.error('a held resource cannot be closed', { entity: this.#options.definition.name, reason: messageOf(closed.reason) });
    }
  }

  /** A fault of the definition's own functions is its key's: the partition goes on. */
  follow(keyed: Keyed): void {
    if (!this.#isOpen) return;
    const followed = caught(() => this.#afterChange(keyed));
    if (!followed.ok) this.#options.environment.logger.error('an entity\'s timer or resource cannot follow its state', { entity: this.#options.definition.name, key: keyed.key, reason: followed.fault });
  }

  /** The key's tick has been read. */
  ticked(key: string): void {
    this.#ticksUnderWay.delete(key);
  }

  /** The tick changed nothing, and what it was for is still due: once more, but no storm of dead letters. */
  tickRefused(key: string): void {
    this.#ticksUnderWay.delete(key);
    const atMs = this.#options.environment.clock.nowMillis() + TICK_RETRY_MS;
    this.#options.ticksNotBeforeMs.set(key, atMs);
    if (this.#isOpen) this.#timers.arm(key, atMs);
  }

  #afterChange(keyed: Keyed): void {
    const { definition, send } = this.#options;
    const wakeAtMs = definition.wakeAt?.(keyed.state) ?? null;
    if (wakeAtMs !== null) this.#timers.arm(keyed.key, this.#dueAtMs(keyed.key, wakeAtMs));
    if (definition.hold === undefined) return;
    const held = this.#held.get(keyed.key);
    if (held !== undefined) return held.update(keyed.state);
    this.#held.set(keyed.key, definition.hold(keyed.key, { state: () => keyed.state, send: (said) => { if (this.#isOpen) send(keyed.key, said); } }));
  }

  #onDue(keys: readonly string[]): void {
    if (!this.#isOpen) return;
    const { definition, environment, states, isUnderCare, send } = this.#options;
    for (const key of keys) {
      const asked = caught(() => definition.wakeAt?.(states.get(key).state) ?? null);
      const wakeAtMs = asked.ok ? asked.value : null;
      if (wakeAtMs === null || this.#ticksUnderWay.has(key)) continue;
      const dueAtMs = isUnderCare() ? environment.clock.nowMillis() + CARE_POLL_MS : this.#dueAtMs(key, wakeAtMs);
      // Put off since the timer was set.
      if (dueAtMs > environment.clock.nowMillis()) {
        this.#timers.arm(key, dueAtMs);
        continue;
      }
      this.#options.ticksNotBeforeMs.delete(key);
      this.#ticksUnderWay.add(key);
      send(key, event(entityTick, { entity: definition.name, key, dueAt: wakeAtMs }), () => this.tickRefused(key));
    }
  }

  #dueAtMs(key: string, wakeAtMs: number): number {
    return Math.max(wakeAtMs, this.#options.ticksNotBeforeMs.get(key) ?? wakeAtMs);
  }
}

const TICK_RETRY_MS = 60_000;
const CARE_POLL_MS = 100;
