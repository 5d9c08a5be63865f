import type { ExtraListener } from './kafka-config.ts';

/** Where the platform's parts answer; a part that was not asked for is an empty list or text. */
export type Addresses = { readonly kafka: readonly string[]; readonly registry: string; readonly database: string };

/** A process that belongs to the platform but is none of its three parts: a simulator, a worker, the API. */
export type ExtraProcess = {
  /** Unique in the instance, kebab-case; not `kafka`, `registry` or `database`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Ports it was given, remembered for the next start; `keptPort` of the front door picks them. */
  readonly ports?: Readonly<Record<string, number>>;
  /** Whether it serves; polled every 50 ms. */
  readonly answers: () => Promise<boolean>;
  /** The address that `status` asks (200: it serves). Without one it counts as serving while its process runs. */
  readonly health?: string;
  readonly startTimeoutMs?: number;
};

/** How to start a local instance. Everything has a default. */
export type LocalPlatformOptions = {
  /** The folder's name under `.chorus/`; `local` is the one of `up`. */
  readonly instance?: string;
  /** `detached` processes outlive this program; the others end with it, however it ends. Default: `with-parent`. */
  readonly lifetime?: 'with-parent' | 'detached';
  /** Brokers of the cluster, 1 or 3; three replicate three times. */
  readonly brokers?: 1 | 3;
  /** Parts to start; Kafka alone is enough for many tests. Default: all. */
  readonly parts?: readonly PlatformPart[];
  readonly ports?: Readonly<Partial<Record<PlatformPart, number>>>;
  readonly kafka?: {
    readonly heapMb?: number;
    readonly extraConfig?: Readonly<Record<string, string>>;
    readonly extraListeners?: readonly ExtraListener[];
    readonly jvmFlags?: readonly string[];
    /** False: it serves as soon as its brokers answer, although a fresh one refuses its first transactions. Default: true. */
    readonly isProbed?: boolean;
  };
  /** Where `KAFKA_BROKERS`, `SCHEMA_REGISTRY_URL`, `DATABASE_URL` and `CHORUS_RUNTIME` are looked up. Default: the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** More processes, started when the three parts answer. */
  readonly extraProcesses?: (addresses: Addresses) => Promise<readonly ExtraProcess[]>;
  /** Told in one line what is happening. */
  readonly onProgress?: (line: string) => void;
};

/** A part that can run here or be named by the environment. */
export type PlatformPart = 'kafka' | 'registry' | 'database';

export const ALL_PARTS: readonly PlatformPart[] = ['kafka', 'registry', 'database'];
export const DEFAULT_HEAP_MB = 1024;
