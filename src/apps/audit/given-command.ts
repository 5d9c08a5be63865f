/** A command as its entity was given it. */
export type GivenCommand = { readonly key: string; readonly partition: number; readonly offset: number; readonly type: string; readonly payload: unknown };

/** Whether a record lies in dead letters: nobody has acted on it. Topic without the namespace. */
export type IsRefused = (at: { readonly topic: string; readonly partition: number; readonly offset: number }) => boolean;

type Placed<Command> = { readonly partition: number; readonly offset: number; readonly command: Command };

/** What is kept, until the end, of the commands that one entity's keys were given, in their order. */
export class KeptCommands<Command> {
  readonly #topic: string;
  readonly #byKey = new Map<string, Placed<Command>[]>();

  /** Topic without the namespace. */
  constructor(topic: string) {
    this.#topic = topic;
  }

  keep({ key, partition, offset }: GivenCommand, command: Command): void {
    const known = this.#byKey.get(key);
    if (known === undefined) this.#byKey.set(key, [{ partition, offset, command }]);
    else known.push({ partition, offset, command });
  }

  /** By key, without those that lie in dead letters. */
  *handled(isRefused: IsRefused): IterableIterator<readonly [key: string, commands: readonly Command[]]> {
    for (const [key, placed] of this.#byKey) {
      yield [key, placed.filter(({ partition, offset }) => !isRefused({ topic: this.#topic, partition, offset })).map(({ command }) => command)];
    }
  }
}
