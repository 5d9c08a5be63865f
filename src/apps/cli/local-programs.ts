import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { createKafkaAdmin } from '#adapters/kafka';
import { type Addresses, choosePort, chorusHome, type ExtraProcess } from '#apps/local-platform';
import { applyTopics } from '#apps/topics';
import { connect, createPino, logOn, PARTICIPANT_NAMES } from '#apps/worker';
import { readLocalFile } from './local-file.ts';

/** The account that a local platform trades, at the simulated broker. */
const ACCOUNT = { id: 'demo-connection', accountId: 'demo-account', userId: 'demo-user', isVirtual: true, keyId: 'demo-key', secret: 'demo-secret' } as const;
const SYMBOLS = ['AAPL', 'FB', 'GOOG', 'IBM', 'MSFT'];
const PROBE_TIMEOUT_MS = 2_000;
const FLAGS = ['--disable-warning=TimeoutNegativeWarning', '--disable-warning=ExperimentalWarning'];

/** Addresses of what `up` runs beside the infrastructure. */
export type LocalPrograms = { readonly processes: readonly ExtraProcess[]; readonly worker: string; readonly simulators: Readonly<Record<string, string>> };

/** A program of ours as Node runs it: from source in a checkout, compiled in a package. */
const programOf = (path: string): readonly string[] => {
  const isSource = import.meta.url.endsWith('.ts');
  const file = fileURLToPath(new URL(`${path}.${isSource ? 'ts' : 'js'}`, import.meta.url));
  return [...(isSource ? ['--conditions=chorus:source'] : []), ...FLAGS, file];
};

const answers = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
};

/** The port of last time: kept if it is free, or if our own program still serves there. */
const portFor = async (part: string, known: string | undefined, probe: (url: string) => string): Promise<number> => {
  const remembered = known !== undefined && URL.canParse(known) ? Number(new URL(known).port) : undefined;
  if (remembered !== undefined && known !== undefined && (await answers(probe(known)))) return remembered;
  return choosePort({ part, asked: undefined, remembered });
};

const urlOf = (port: number): string => `http://127.0.0.1:${port}`;

const prepare = async (addresses: Addresses, namespace: string): Promise<void> => {
  const kafka = { brokers: addresses.kafka, clientId: 'chorus-up' };
  const admin = createKafkaAdmin(kafka);
  try {
    await applyTopics(admin, { namespace });
  } finally {
    await admin.close();
  }
  const connection = await connect({ kafka, registryUrl: addresses.registry, namespace, autoRegister: true, logger: logOn(createPino({ level: 'error', name: 'chorus' })) });
  await connection.close();
};

const settingsFile = (): string => {
  const { id, accountId, userId, isVirtual } = ACCOUNT;
  const file = join(chorusHome(), 'local', 'worker.yaml');
  mkdirSync(join(chorusHome(), 'local'), { recursive: true });
  writeFileSync(file, stringify({ connections: [{ id, venue: 'alpaca', accountId, userId, isVirtual, symbols: SYMBOLS }] }));
  return file;
};

/** Topics and schemas first, then simulators, one worker with every participant, and the projector. */
export const planLocalPrograms = async (addresses: Addresses, namespace: string): Promise<LocalPrograms> => {
  await prepare(addresses, namespace);
  const local = readLocalFile();
  const simulatorPort = (name: string): Promise<number> => portFor(`${name}-simulator`, local.simulators[name], (url) => `${url}/admin/requests`);
  const [alpaca, openai, groq] = [await simulatorPort('alpaca'), await simulatorPort('openai'), await simulatorPort('groq')];
  const worker = await portFor('worker', local.workers[0], (url) => `${url}/health/live`);
  const common = { KAFKA_BROKERS: addresses.kafka.join(','), SCHEMA_REGISTRY_URL: addresses.registry, DATABASE_URL: addresses.database, CHORUS_NAMESPACE: namespace };
  const account = { ALPACA_KEY_ID: ACCOUNT.keyId, ALPACA_SECRET_KEY: ACCOUNT.secret };
  const simulator = (name: string, port: number, env: Readonly<Record<string, string>> = {}): ExtraProcess => ({
    name: `${name}-simulator`, command: process.execPath, args: programOf(`../../simulators/${name}/main`), env: { PORT: String(port), ...env }, ports: { http: port },
    answers: () => answers(`${urlOf(port)}/admin/requests`),
  });
  const processes: readonly ExtraProcess[] = [
    simulator('alpaca', alpaca, { ...account, ALPACA_ACCOUNT_ID: ACCOUNT.accountId }),
    simulator('openai', openai),
    simulator('groq', groq),
    {
      name: 'worker', command: process.execPath, args: [...programOf('./main'), 'worker', '--participants', PARTICIPANT_NAMES.join(',')], ports: { http: worker },
      env: {
        ...common, ...account, PORT: String(worker), CHORUS_CONFIG: settingsFile(), ALPACA_BASE_URL: urlOf(alpaca), OPENAI_BASE_URL: urlOf(openai), OPENAI_API_KEY: 'local', GROQ_BASE_URL: urlOf(groq),
        GROQ_API_KEY: 'local',
      },
      answers: () => answers(`${urlOf(worker)}/health/ready`),
    },
    { name: 'projector', command: process.execPath, args: [...programOf('./main'), 'projection', 'run'], env: common, answers: () => Promise.resolve(true) },
  ];
  return { processes, worker: urlOf(worker), simulators: { alpaca: urlOf(alpaca), openai: urlOf(openai), groq: urlOf(groq) } };
};
