import type { ManagedProcess } from './processes.ts';

/** One process of the platform: how to recognise, start and stop it. */
export type Part = {
  readonly name: string;
  /** The ports it needs, by name; the first is the one it is known by. */
  readonly ports: Readonly<Record<string, number>>;
  readonly stopSignal: NodeJS.Signals;
  /** Remembered for `status`, see PartState. */
  readonly health?: string;
  readonly settings?: string;
  /** Whether it serves, asked of a process that already runs. */
  readonly answers: () => Promise<boolean>;
  /** Makes its folders and settings and starts it; does not wait. */
  readonly launch: () => Promise<ManagedProcess>;
  /** Resolves when it serves; throws a LocalPlatformError in one line if it does not. */
  readonly ready: (managed: ManagedProcess) => Promise<void>;
};
