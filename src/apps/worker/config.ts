import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { DEFAULT_ORDER_SAFETY, type OrderSafetyLimits } from '#adapters/alpaca';
import { type KafkaConfig, kafkaConfigFromEnvironment } from '#adapters/kafka';
import type { TradeRiskLimits } from '#contracts';
import { DEFAULT_RISK_LIMITS } from '#participants/orchestrator';
import { type AiDecisionLimits, DEFAULT_AI_LIMITS } from '#sagas/ai-decision';
import { DEFAULT_LIMITS, type OrderExecutionLimits } from '#sagas/order-execution';
import { DEFAULT_CYCLE_LIMITS, type SignalToExecutionLimits } from '#sagas/signal-to-execution';
import { ConfigError } from './config-error.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';
import { SettingsReader } from './settings-reader.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A broker account and how it is reached. */
export type BrokerSettings = {
  readonly brokerConnectionId: string;
  /** As the broker itself reports it. */
  readonly accountId: string;
  readonly userId: string;
  readonly isVirtual: boolean;
  readonly baseUrl: string;
  readonly streamUrl: string;
  /** Prefix of the variables that hold the key: what records and logs call the credential. */
  readonly credential: string;
  readonly symbols: readonly string[];
  readonly orderSafety: OrderSafetyLimits;
};

export type ModelSettings = { readonly provider: 'openai' | 'groq'; readonly model: string; readonly baseUrl: string; readonly credential: string };

/** Everything a worker is told from outside, checked. Secrets are not in it: `secret` reads them when they are needed. */
export type WorkerConfig = {
  readonly kafka: KafkaConfig;
  readonly registryUrl: string;
  readonly registryAuth: string | undefined;
  readonly namespace: string;
  readonly autoRegister: boolean;
  readonly logLevel: LogLevel;
  /** null: no HTTP. 0: any free port. */
  readonly port: number | null;
  /** Where HTTP listens; loopback unless told otherwise, as in a container whose probes come from outside. */
  readonly host: string;
  readonly liveTradingAccountId: string | undefined;
  readonly brokers: readonly BrokerSettings[];
  readonly models: readonly ModelSettings[];
  readonly riskLimits: TradeRiskLimits;
  readonly currency: string;
  readonly limits: { readonly signalToExecution: SignalToExecutionLimits; readonly orderExecution: OrderExecutionLimits; readonly aiDecision: AiDecisionLimits };
  /** Reads NAME or the file that NAME_FILE names; a missing one is a ConfigError. */
  readonly secret: (name: string) => string;
};

const NAMESPACE_PATTERN = /^[a-z0-9][a-z0-9-]{0,39}$/;
const PORT_MAX = 65_535;
const MODELS: Readonly<Record<ModelSettings['provider'], { readonly model: string; readonly baseUrl: string }>> = {
  openai: { model: 'gpt-4o-mini', baseUrl: 'https://api.openai.com' },
  groq: { model: 'llama-3.3-70b-versatile', baseUrl: 'https://api.groq.com' },
};
const PAPER_TRADING_URL = 'https://paper-api.alpaca.markets';
const SETTINGS = ['connections', 'models', 'riskLimits', 'currency', 'sagas'];
const CONNECTION_SETTINGS = ['id', 'venue', 'accountId', 'userId', 'isVirtual', 'baseUrl', 'streamUrl', 'credential', 'symbols', 'orderSafety'];

const given = (environment: Environment, name: string): string | undefined => {
  const value = environment[name]?.trim();
  return value === '' ? undefined : value;
};

const urlOf = (text: string, where: string, protocols: readonly string[]): string => {
  const isUrl = URL.canParse(text) && protocols.includes(new URL(text).protocol);
  // Not repeated in the message: it may hold a password.
  if (!isUrl) throw new ConfigError(where, `is no address that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`);
  return text.replace(/\/+$/, '');
};
const HTTP = ['http:', 'https:'];

const secretOf = (environment: Environment) => (name: string): string => {
  const file = given(environment, `${name}_FILE`);
  if (file === undefined) {
    const value = given(environment, name);
    if (value === undefined) throw new ConfigError(name, `is needed and not set: set it, or ${name}_FILE to a file that holds it`);
    return value;
  }
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new ConfigError(`${name}_FILE`, `${file} cannot be read`);
  }
};

const fileSettings = (environment: Environment): SettingsReader => {
  const path = given(environment, 'CHORUS_CONFIG');
  if (path === undefined) return new SettingsReader({}, 'CHORUS_CONFIG: ');
  try {
    return new SettingsReader(parseYaml(readFileSync(path, 'utf8')), `${path}: `);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new ConfigError(`CHORUS_CONFIG=${path}`, reason);
  }
};

const orderSafetyOf = (settings: SettingsReader): OrderSafetyLimits => {
  const limits = settings.over(DEFAULT_ORDER_SAFETY);
  if (/^0*(\.0*)?$/.test(limits.orderValueMax)) throw new ConfigError(settings.at('orderValueMax'), 'zero would refuse every order; a value above zero is expected');
  return limits;
};

const brokerOf = (settings: SettingsReader, environment: Environment): BrokerSettings => {
  settings.only(CONNECTION_SETTINGS);
  const venue = settings.textOr('venue', 'alpaca');
  if (venue !== 'alpaca') throw new ConfigError(settings.at('venue'), `there is no venue ${JSON.stringify(venue)}; there is alpaca`);
  const baseUrl = settings.has('baseUrl')
    ? urlOf(settings.text('baseUrl'), settings.at('baseUrl'), HTTP)
    : urlOf(given(environment, 'ALPACA_BASE_URL') ?? PAPER_TRADING_URL, 'ALPACA_BASE_URL', HTTP);
  const streamUrl = settings.textOr('streamUrl', given(environment, 'ALPACA_STREAM_URL')) ?? `${baseUrl.replace(/^http/, 'ws')}/stream`;
  return {
    brokerConnectionId: settings.text('id'), accountId: settings.text('accountId'), userId: settings.textOr('userId', 'user'), isVirtual: settings.flagOr('isVirtual', false),
    baseUrl, streamUrl: urlOf(streamUrl, settings.at('streamUrl'), ['ws:', 'wss:']), credential: settings.textOr('credential', 'ALPACA'),
    symbols: settings.texts('symbols'), orderSafety: orderSafetyOf(settings.group('orderSafety')),
  };
};

const modelOf = (settings: SettingsReader, environment: Environment): ModelSettings => {
  settings.only(['provider', 'model', 'baseUrl', 'credential']);
  const provider = settings.text('provider');
  if (provider !== 'openai' && provider !== 'groq') throw new ConfigError(settings.at('provider'), `there is no provider ${JSON.stringify(provider)}; there are openai, groq`);
  const name = provider.toUpperCase();
  const fallback = given(environment, `${name}_BASE_URL`) ?? MODELS[provider].baseUrl;
  const baseUrl = settings.has('baseUrl') ? urlOf(settings.text('baseUrl'), settings.at('baseUrl'), HTTP) : urlOf(fallback, `${name}_BASE_URL`, HTTP);
  return { provider, model: settings.textOr('model', MODELS[provider].model), baseUrl, credential: settings.textOr('credential', name) };
};

const DEFAULT_CHAIN = (environment: Environment): readonly ModelSettings[] =>
  [{ provider: 'openai' }, { provider: 'groq' }].map((entry, index) => modelOf(new SettingsReader(entry, `models[${index}]`), environment));

const portOf = (environment: Environment): number | null => {
  const text = given(environment, 'PORT');
  if (text === undefined) return null;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > PORT_MAX) throw new ConfigError('PORT', `${text} is no port number`);
  return port;
};

const flagOf = (environment: Environment, name: string): boolean => {
  const text = given(environment, name) ?? 'false';
  if (text !== 'true' && text !== 'false') throw new ConfigError(name, `${text} is neither true nor false`);
  return text === 'true';
};

const logLevelOf = (environment: Environment): LogLevel => {
  const level = given(environment, 'LOG_LEVEL') ?? 'info';
  const known = LOG_LEVELS.find((candidate) => candidate === level);
  if (known === undefined) throw new ConfigError('LOG_LEVEL', `${level} is no level; there are ${LOG_LEVELS.join(', ')}`);
  return known;
};

const requireUnique = (names: readonly string[], where: string): void => {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new ConfigError(where, `${repeated} is there twice`);
};

/** Reads environment and settings file. Throws ConfigError (one line: what, where) or KafkaError KAFKA_CONFIG. */
export const workerConfig = (environment: Environment): WorkerConfig => {
  const file = fileSettings(environment).only(SETTINGS);
  const sagas = file.group('sagas').only(['signal_to_execution', 'order_execution', 'ai_decision']);
  const namespace = given(environment, 'CHORUS_NAMESPACE') ?? 'chorus';
  if (!NAMESPACE_PATTERN.test(namespace)) throw new ConfigError('CHORUS_NAMESPACE', `${JSON.stringify(namespace)} must be 1 to 40 of a-z, 0-9 and -`);
  const brokers = file.groups('connections').map((settings) => brokerOf(settings, environment));
  requireUnique(brokers.map(({ brokerConnectionId }) => brokerConnectionId), file.at('connections'));
  requireUnique(brokers.flatMap(({ symbols }) => symbols), file.at('connections[].symbols'));
  const registryUrl = given(environment, 'SCHEMA_REGISTRY_URL');
  if (registryUrl === undefined) throw new ConfigError('SCHEMA_REGISTRY_URL', 'is needed and not set');
  return {
    kafka: kafkaConfigFromEnvironment(environment),
    registryUrl: urlOf(registryUrl, 'SCHEMA_REGISTRY_URL', HTTP),
    registryAuth: given(environment, 'SCHEMA_REGISTRY_AUTH'),
    namespace,
    autoRegister: flagOf(environment, 'CHORUS_REGISTER_SCHEMAS'),
    logLevel: logLevelOf(environment),
    port: portOf(environment),
    host: given(environment, 'HOST') ?? '127.0.0.1',
    liveTradingAccountId: given(environment, 'CHORUS_LIVE_TRADING'),
    brokers,
    models: file.has('models') ? file.groups('models').map((settings) => modelOf(settings, environment)) : DEFAULT_CHAIN(environment),
    riskLimits: file.group('riskLimits').over(DEFAULT_RISK_LIMITS),
    currency: file.textOr('currency', 'USD'),
    limits: {
      signalToExecution: sagas.group('signal_to_execution').over(DEFAULT_CYCLE_LIMITS),
      orderExecution: sagas.group('order_execution').over(DEFAULT_LIMITS),
      aiDecision: sagas.group('ai_decision').over({ ...DEFAULT_AI_LIMITS, chainLength: file.has('models') ? file.groups('models').length : 2 }),
    },
    secret: secretOf(environment),
  };
};
