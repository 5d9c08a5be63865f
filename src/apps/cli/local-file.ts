import { readFileSync } from 'node:fs';
import { localFile } from '#apps/local-platform';

/** What `.chorus/local.json` says of a running platform; whatever is absent there is absent here. */
export type LocalFile = {
  readonly kafka: readonly string[];
  readonly registry: string | null;
  readonly database: string | null;
  readonly namespace: string | null;
  readonly workers: readonly string[];
  readonly simulators: Readonly<Record<string, string>>;
};

const EMPTY: LocalFile = { kafka: [], registry: null, database: null, namespace: null, workers: [], simulators: {} };

const textOrNull = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []);

export const readLocalFile = (): LocalFile => {
  try {
    const parsed: unknown = JSON.parse(readFileSync(localFile(), 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return EMPTY;
    const fields = new Map<string, unknown>(Object.entries(parsed));
    const simulators = fields.get('simulators');
    return {
      kafka: texts(fields.get('kafka')), registry: textOrNull(fields.get('registry')), database: textOrNull(fields.get('database')), namespace: textOrNull(fields.get('namespace')),
      workers: texts(fields.get('workers')),
      simulators: typeof simulators === 'object' && simulators !== null ? Object.fromEntries(Object.entries(simulators).flatMap(([name, url]) => (typeof url === 'string' ? [[name, url]] : []))) : {},
    };
  } catch {
    return EMPTY;
  }
};
