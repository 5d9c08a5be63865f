import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { createKafkaAdmin } from '#adapters/kafka';
import { type Addresses, chorusHome, type ExtraProcess, healthAnswers, keptPort, securityOf } from '#apps/local-platform';
import { applyTopics } from '#apps/topics';
import { connect, createPino, logOn, PARTICIPANT_NAMES } from '#apps/worker';
import { kafkaOf, registryOf } from './environment.ts';

/** The account that a local platform trades, at the simulated broker. */
const ACCOUNT = { id: 'demo-connection', accountId: 'demo-account', userId: 'demo-user', isVirtual: true, keyId: 'demo-key', secret: 'demo-secret' } as const;
const SYMBOLS = ['AAPL', 'FB', 'GOOG', 'IBM', 'MSFT'];
const SIMULATORS = ['alpaca', 'openai', 'groq'] as const;
const FLAGS = ['--max-semi-space-size=64', '--disable-warning=TimeoutNegativeWarning', '--disable-warning=ExperimentalWarning'];

/** Addresses of what `up` runs beside the infrastructure. */
export type LocalPrograms = { readonly processes: readonly ExtraProcess[]; readonly worker: string; readonly simulators: Readonly<Record<string, string>> };

/** A program of ours as Node runs it: from source in a checkout, compiled in a package. */
const programOf = (path: string): readonly string[] => {
  const isSource = import.meta.url.endsWith('.ts');
  const file = fileURLToPath(new URL(`${path}.${isSource ? 'ts' : 'js'}`, import.meta.url));
  return [...(isSource ? ['--conditions=chorus:source'] : []), ...FLAGS, file];
};

const urlOf = (port: number): string => `http://127.0.0.1:${port}`;

const prepare = async (environment: Readonly<Record<string, string>>, namespace: string): Promise<void> => {
  const kafka = kafkaOf({ ...process.env, ...environment });
  const { registryUrl, auth } = registryOf({ ...process.env, ...environment });
  const admin = createKafkaAdmin(kafka);
  try {
    await applyTopics(admin, { namespace });
  } finally {
    await admin.close();
  }
  const connection = await connect({ kafka, registryUrl, registryAuth: auth, namespace, autoRegister: true, logger: logOn(createPino({ level: 'error', name: 'chorus' })) });
  await connection.close();
};

const settingsFile = (): string => {
  const { id, accountId, userId, isVirtual } = ACCOUNT;
  const file = join(chorusHome(), 'local', 'worker.yaml');
  mkdirSync(join(chorusHome(), 'local'), { recursive: true });
  writeFileSync(file, stringify({ connections: [{ id, venue: 'alpaca', accountId, userId, isVirtual, symbols: SYMBOLS }] }));
  return file;
};

/** What every program is told. Named secrets are passed on as settings, so that a changed password starts the programs again. */
const commonOf = (addresses: Addresses, namespace: string): Readonly<Record<string, string>> => ({
  KAFKA_BROKERS: addresses.kafka.join(','), SCHEMA_REGISTRY_URL: addresses.registry, DATABASE_URL: addresses.database, CHORUS_NAMESPACE: namespace,
  ...securityOf(process.env),
});

const portsOf = async (): Promise<Readonly<Record<string, number>>> => {
  const ports: Record<string, number> = {};
  for (const name of [...SIMULATORS.map((each) => `${each}-simulator`), 'worker', 'projector']) ports[name] = await keptPort('local', name, 'http');
  return ports;
};

type Planned = { readonly name: string; readonly program: readonly string[]; readonly env: Readonly<Record<string, string>>; readonly port: number; readonly healthPath: string };
const processOf = ({ name, program, env, port, healthPath }: Planned): ExtraProcess => {
  const health = `${urlOf(port)}${healthPath}`;
  return { name, command: process.execPath, args: program, env: { ...env, PORT: String(port) }, ports: { http: port }, health, answers: () => healthAnswers(health) };
};

/** Topics and schemas first, then simulators, one worker with every participant, and the projector. */
export const planLocalPrograms = async (addresses: Addresses, namespace: string): Promise<LocalPrograms> => {
  const common = commonOf(addresses, namespace);
  await prepare(common, namespace);
  const ports = await portsOf();
  const portOf = (name: string): number => ports[name] ?? 0;
  const simulators = Object.fromEntries(SIMULATORS.map((name) => [name, urlOf(portOf(`${name}-simulator`))]));
  const { alpaca = '', openai = '', groq = '' } = simulators;
  const account = { ALPACA_KEY_ID: ACCOUNT.keyId, ALPACA_SECRET_KEY: ACCOUNT.secret };
  const vendors = { ...account, ALPACA_BASE_URL: alpaca, OPENAI_BASE_URL: openai, OPENAI_API_KEY: 'local', GROQ_BASE_URL: groq, GROQ_API_KEY: 'local' };
  const simulator = (name: (typeof SIMULATORS)[number]): Planned => ({
    name: `${name}-simulator`, program: programOf(`../../simulators/${name}/main`), env: name === 'alpaca' ? { ...account, ALPACA_ACCOUNT_ID: ACCOUNT.accountId } : {},
    port: portOf(`${name}-simulator`), healthPath: '/admin/requests',
  });
  const planned: readonly Planned[] = [
    ...SIMULATORS.map(simulator),
    { name: 'worker', program: [...programOf('./main'), 'worker', '--participants', PARTICIPANT_NAMES.join(',')], env: { ...common, ...vendors, CHORUS_CONFIG: settingsFile() }, port: portOf('worker'), healthPath: '/health/ready' },
    { name: 'projector', program: [...programOf('./main'), 'projection', 'run'], env: common, port: portOf('projector'), healthPath: '/health/ready' },
  ];
  return { processes: planned.map(processOf), worker: urlOf(portOf('worker')), simulators };
};
