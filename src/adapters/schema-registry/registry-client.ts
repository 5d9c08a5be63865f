import { setTimeout as sleep } from 'node:timers/promises';
import { CodecError, messageOf } from './codec-error.ts';

// The seven requests of Confluent's registry API that we need. Why not a library: docs/decisions/schema-registry-client.md.

export type RegistryClient = {
  /** Every subject there is. */
  readonly subjects: () => Promise<ReadonlySet<string>>;
  /** The id of the very schema under the subject, null if it is not there. */
  readonly lookup: (subject: string, schemaText: string) => Promise<number | null>;
  /** Registers (idempotent) and returns the id. Rejects with REGISTRY_INCOMPATIBLE and the registry's reasons. */
  readonly register: (subject: string, schemaText: string) => Promise<number>;
  /** Why the schema may not follow those of the subject; empty = it may, or the subject is new. */
  readonly incompatibilities: (subject: string, schemaText: string) => Promise<readonly string[]>;
  /** The subject's own compatibility level; null where it has none and the registry's default counts. */
  readonly compatibility: (subject: string) => Promise<string | null>;
  readonly setCompatibility: (subject: string, level: 'FULL_TRANSITIVE') => Promise<void>;
  /** The schema text behind an id. Rejects with REGISTRY_NOT_FOUND. */
  readonly schemaText: (schemaId: number) => Promise<string>;
};

export type RegistryOptions = {
  /** `http(s)://host:port/…`, SCHEMA_REGISTRY_URL. User and password in it are used as `auth`. */
  readonly registryUrl: string;
  /** `user:password`, SCHEMA_REGISTRY_AUTH. Never logged. */
  readonly auth?: string;
  /** Of one request; default 10,000. */
  readonly requestTimeoutMs?: number;
};

const REQUEST_TIMEOUT_MS = 10_000;
// No answer, 429 and 5xx are repeated after these waits.
const RETRY_WAITS_MS: readonly number[] = [100, 400, 1_600];
const SUBJECT_NOT_FOUND = 40401;
const SCHEMA_NOT_FOUND = 40403;
const CONFLICT = 409;
const UNPROCESSABLE = 422;

type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>>; readonly list: readonly unknown[] };
type Ask = { readonly method: 'GET' | 'POST' | 'PUT'; readonly path: string; readonly body?: unknown };

const parseBody = (text: string): Omit<Answer, 'status'> => {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return { body: {}, list: value };
    return { body: typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}, list: [] };
  } catch {
    return { body: { message: text.slice(0, 200) }, list: [] };
  }
};

const splitUrl = (options: RegistryOptions): { readonly base: string; readonly auth: string | null } => {
  let url: URL;
  try {
    url = new URL(options.registryUrl);
  } catch (cause) {
    throw new CodecError({ code: 'REGISTRY_REFUSED', message: `the registry's address ${JSON.stringify(options.registryUrl)} is no URL; set SCHEMA_REGISTRY_URL`, cause });
  }
  const fromUrl = url.username === '' ? null : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  return { base: url.href.replace(/\/+$/, ''), auth: options.auth ?? fromUrl };
};

const isTransient = (status: number): boolean => status === 429 || status >= 500;

const createAsk = (options: RegistryOptions): ((ask: Ask) => Promise<Answer>) => {
  const { base, auth } = splitUrl(options);
  const headers: Readonly<Record<string, string>> = {
    'content-type': 'application/vnd.schemaregistry.v1+json',
    accept: 'application/vnd.schemaregistry.v1+json, application/json',
    ...(auth === null ? {} : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` }),
  };
  const once = async ({ method, path, body }: Ask): Promise<Answer> => {
    const response = await fetch(`${base}${path}`, {
      method,
      headers,
      signal: AbortSignal.timeout(options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, ...parseBody(await response.text()) };
  };
  return async (ask) => {
    let problem = '';
    for (const waitMs of [...RETRY_WAITS_MS, null]) {
      try {
        const answer = await once(ask);
        if (!isTransient(answer.status)) return answer;
        problem = `status ${answer.status} ${String(answer.body['message'] ?? '')}`;
      } catch (error) {
        const hasCause = typeof error === 'object' && error !== null && 'cause' in error && error.cause !== undefined;
        const cause = hasCause ? ` (${messageOf(error.cause)})` : '';
        problem = `${messageOf(error)}${cause}`;
      }
      if (waitMs !== null) await sleep(waitMs);
    }
    throw new CodecError({ code: 'REGISTRY_UNREACHABLE', message: `the schema registry at ${base} did not answer ${ask.method} ${ask.path}: ${problem}; see that it runs and that SCHEMA_REGISTRY_URL is right` });
  };
};

const refused = (subject: string, answer: Answer): CodecError => {
  const hint = answer.status === 401 || answer.status === 403 ? '; set SCHEMA_REGISTRY_AUTH to user:password' : '';
  return new CodecError({ code: 'REGISTRY_REFUSED', subject, message: `the schema registry answered ${answer.status} for ${subject}: ${String(answer.body['message'] ?? 'no reason given')}${hint}` });
};

const idOf = (subject: string, answer: Answer): number => {
  const id = answer.body['id'];
  if (answer.status !== 200 || typeof id !== 'number') throw refused(subject, answer);
  return id;
};

const reasonsOf = (answer: Answer): readonly string[] => {
  if (answer.body['is_compatible'] === true) return [];
  const { messages, reason } = answer.body;
  return Array.isArray(messages) && messages.length > 0 ? messages.map(String) : [String(reason ?? 'the registry gives no reason')];
};

/** Throws REGISTRY_REFUSED if the address is no URL; makes no request. */
export const createRegistryClient = (options: RegistryOptions): RegistryClient => {
  const ask = createAsk(options);
  const subjectPath = (subject: string): string => `/subjects/${encodeURIComponent(subject)}`;

  const incompatibilities = async (subject: string, schemaText: string): Promise<readonly string[]> => {
    const answer = await ask({ method: 'POST', path: `/compatibility${subjectPath(subject)}/versions?verbose=true`, body: { schema: schemaText } });
    if (answer.status === 404) return [];
    if (answer.status !== 200) throw refused(subject, answer);
    return reasonsOf(answer);
  };

  return {
    incompatibilities,
    subjects: async () => {
      const answer = await ask({ method: 'GET', path: '/subjects' });
      if (answer.status !== 200) throw refused('the list of subjects', answer);
      return new Set(answer.list.map(String));
    },
    lookup: async (subject, schemaText) => {
      const answer = await ask({ method: 'POST', path: subjectPath(subject), body: { schema: schemaText } });
      const code = answer.body['error_code'];
      if (code === SUBJECT_NOT_FOUND || code === SCHEMA_NOT_FOUND) return null;
      return idOf(subject, answer);
    },
    register: async (subject, schemaText) => {
      const answer = await ask({ method: 'POST', path: `${subjectPath(subject)}/versions`, body: { schema: schemaText } });
      if (answer.status !== CONFLICT && answer.status !== UNPROCESSABLE) return idOf(subject, answer);
      const reasons = answer.status === CONFLICT ? await incompatibilities(subject, schemaText) : [];
      const listed = (reasons.length > 0 ? reasons : [String(answer.body['message'] ?? 'no reason given')]).join('; ');
      throw new CodecError({ code: 'REGISTRY_INCOMPATIBLE', subject, message: `the schema may not follow those of subject ${subject}: ${listed}. Only add fields that have a default; never rename, retype or remove one` });
    },
    compatibility: async (subject) => {
      const answer = await ask({ method: 'GET', path: `/config/${encodeURIComponent(subject)}` });
      if (answer.status === 404) return null;
      const level = answer.body['compatibilityLevel'];
      if (answer.status !== 200 || typeof level !== 'string') throw refused(subject, answer);
      return level;
    },
    setCompatibility: async (subject, level) => {
      const answer = await ask({ method: 'PUT', path: `/config/${encodeURIComponent(subject)}`, body: { compatibility: level } });
      if (answer.status !== 200) throw refused(subject, answer);
    },
    schemaText: async (schemaId) => {
      const answer = await ask({ method: 'GET', path: `/schemas/ids/${schemaId}` });
      if (answer.status === 404) throw new CodecError({ code: 'REGISTRY_NOT_FOUND', schemaId, message: `the schema registry does not know the id ${schemaId}: the record was written against another registry, or the registry lost its schemas` });
      const { schema, schemaType, references } = answer.body;
      if (answer.status !== 200 || typeof schema !== 'string') throw refused(`schema id ${schemaId}`, answer);
      if (schemaType !== undefined && schemaType !== 'AVRO') throw new CodecError({ code: 'CODEC_BAD_SCHEMA', schemaId, message: `schema ${schemaId} is ${String(schemaType)}, not Avro` });
      if (Array.isArray(references) && references.length > 0) throw new CodecError({ code: 'CODEC_BAD_SCHEMA', schemaId, message: `schema ${schemaId} refers to other subjects; only schemas that stand alone are read` });
      return schema;
    },
  };
};

/** A registry within the process, for tests and simulations: ids from 1 in order of registration, no compatibility rule. */
export const createInMemoryRegistry = (): RegistryClient => {
  const texts: string[] = [];
  const subjects = new Map<string, Set<string>>();
  const levels = new Map<string, string>();
  return {
    subjects: () => Promise.resolve(new Set(subjects.keys())),
    lookup: (subject, schemaText) => Promise.resolve(subjects.get(subject)?.has(schemaText) === true ? texts.indexOf(schemaText) + 1 : null),
    register: (subject, schemaText) => {
      subjects.set(subject, (subjects.get(subject) ?? new Set<string>()).add(schemaText));
      if (!texts.includes(schemaText)) texts.push(schemaText);
      return Promise.resolve(texts.indexOf(schemaText) + 1);
    },
    incompatibilities: () => Promise.resolve([]),
    compatibility: (subject) => Promise.resolve(levels.get(subject) ?? null),
    setCompatibility: (subject, level) => {
      levels.set(subject, level);
      return Promise.resolve();
    },
    schemaText: (schemaId) => {
      const text = texts[schemaId - 1];
      return text === undefined
        ? Promise.reject(new CodecError({ code: 'REGISTRY_NOT_FOUND', schemaId, message: `the in-memory registry does not know the id ${schemaId}` }))
        : Promise.resolve(text);
    },
  };
};
