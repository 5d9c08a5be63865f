import { assertLoopbackOrNamedAccount, createAlpacaGateway, createAlpacaTradeStream, isLoopbackUrl, withOrderSafety } from '#adapters/alpaca';
import { createGroqGateway, createOpenaiGateway } from '#adapters/chat-completions';
import { createAiDecision, type ModelGateway } from '#participants/ai-decision';
import { createAnalytics } from '#participants/analytics';
import { createBrokerConnections } from '#participants/broker-connections';
import { createMarketData } from '#participants/market-data';
import { createOrchestrator } from '#participants/orchestrator';
import { type BrokerGateway, createTradingEngine } from '#participants/trading-engine';
import type { ParticipantDefinition } from '#saga-core';
import { buildAiDecision } from '#sagas/ai-decision';
import { buildOrderExecution } from '#sagas/order-execution';
import { buildSignalToExecution } from '#sagas/signal-to-execution';
import type { Circuits } from './circuits.ts';
import { ConfigError } from './config-error.ts';
import type { BrokerSettings, ModelSettings, WorkerConfig } from './config.ts';
import type { Connection } from './connect.ts';

const INTERLOCK_CALL_MS = 5_000;

type Sagas = {
  readonly signalToExecution: ReturnType<typeof buildSignalToExecution>;
  readonly orderExecution: ReturnType<typeof buildOrderExecution>;
  readonly aiDecision: ReturnType<typeof buildAiDecision>;
};
type Build = { readonly config: WorkerConfig; readonly connection: Connection; readonly circuits: Circuits; readonly sagas: Sagas; readonly brokers: ReadonlyMap<string, Broker> };
type Broker = { readonly settings: BrokerSettings; readonly gateway: BrokerGateway; readonly key: { readonly keyId: string; readonly secret: string } };

const BUILDERS = {
  'market-data': () => createMarketData(),
  orchestrator: ({ config, connection, sagas }: Build) =>
    createOrchestrator({
      watchList: config.brokers.flatMap(({ symbols, accountId, brokerConnectionId }) => symbols.map((symbol) => ({ symbol, accountId, brokerConnectionId }))),
      riskLimits: config.riskLimits, log: connection.logger, signalToExecution: sagas.signalToExecution, orderExecution: sagas.orderExecution,
    }),
  'ai-decision': ({ config, connection, circuits, sagas }: Build) =>
    createAiDecision({
      providers: config.models.map((model) => modelGateway(model, config, circuits)), clock: connection.clock, log: connection.logger,
      aiDecision: sagas.aiDecision, signalToExecution: sagas.signalToExecution,
    }),
  'trading-engine': ({ config, connection, sagas, brokers }: Build) =>
    createTradingEngine({
      brokerOf: (id) => brokers.get(id)?.gateway ?? null, accounts: config.brokers, clock: connection.clock, log: connection.logger,
      orderExecution: sagas.orderExecution, signalToExecution: sagas.signalToExecution,
    }),
  'broker-connections': ({ config, connection, brokers }: Build) =>
    createBrokerConnections({
      clock: connection.clock, log: connection.logger,
      connections: config.brokers.map(({ brokerConnectionId, symbols }) => ({ brokerConnectionId, watchedSymbols: symbols })),
      venueOf: (id) => {
        const broker = brokers.get(id);
        if (broker === undefined) return null;
        const { keyId, secret } = broker.key;
        const onUnreadable = (reason: string): void => connection.logger.warn('broker stream: message not understood', { brokerConnectionId: id, reason });
        const stream = createAlpacaTradeStream({ url: broker.settings.streamUrl, keyId, secret, clock: connection.clock, onUnreadable });
        return { name: 'alpaca', gateway: broker.gateway, stream };
      },
    }),
  analytics: ({ config, sagas }: Build) => createAnalytics({ currency: config.currency, orderExecution: sagas.orderExecution }),
} satisfies Readonly<Record<string, (build: Build) => ParticipantDefinition>>;

export type ParticipantName = keyof typeof BUILDERS;

const isParticipantName = (name: string): name is ParticipantName => Object.hasOwn(BUILDERS, name);
/** Every participant of this build. */
export const PARTICIPANT_NAMES: readonly ParticipantName[] = Object.keys(BUILDERS).filter(isParticipantName);

/** Reads `a,b,c`; throws ConfigError for a name that is none. */
export const participantNames = (text: string): readonly ParticipantName[] => {
  const names = [...new Set(text.split(',').map((name) => name.trim()).filter((name) => name !== ''))];
  const unknown = names.find((name) => !isParticipantName(name));
  if (unknown !== undefined) throw new ConfigError('--participants', `there is no participant ${JSON.stringify(unknown)}; there are ${PARTICIPANT_NAMES.join(', ')}`);
  if (names.length === 0) throw new ConfigError('--participants', `name at least one of ${PARTICIPANT_NAMES.join(', ')}`);
  return names.filter(isParticipantName);
};

const modelGateway = (model: ModelSettings, config: WorkerConfig, circuits: Circuits): ModelGateway => {
  const create = model.provider === 'openai' ? createOpenaiGateway : createGroqGateway;
  return create({ baseUrl: model.baseUrl, apiKey: config.secret(`${model.credential}_API_KEY`), model: model.model, breaker: circuits.breakerOf(model.baseUrl, model.credential) });
};

/** Records name the configured account; where money is real it must be the one that the interlock then finds at the broker. */
const requireNamedAccount = ({ brokerConnectionId, accountId, baseUrl, streamUrl }: BrokerSettings, named: string | undefined): void => {
  if (named === undefined || accountId === named || [baseUrl, streamUrl].every(isLoopbackUrl)) return;
  throw new ConfigError(`connections ${brokerConnectionId}`, `accountId is ${accountId}, but CHORUS_LIVE_TRADING names ${named}: set both to the account id that the broker reports`);
};

/** The broker behind a connection, within its account's safety limits; real money only for the account that is named. */
const openBroker = async (settings: BrokerSettings, { config, connection, circuits }: Omit<Build, 'brokers' | 'sagas'>): Promise<Broker> => {
  requireNamedAccount(settings, config.liveTradingAccountId);
  const key = { keyId: config.secret(`${settings.credential}_KEY_ID`), secret: config.secret(`${settings.credential}_SECRET_KEY`) };
  const bare = createAlpacaGateway({ baseUrl: settings.baseUrl, ...key, breaker: circuits.breakerOf(settings.baseUrl, settings.credential) });
  await assertLoopbackOrNamedAccount({
    urls: [settings.baseUrl, settings.streamUrl], liveTradingAccountId: config.liveTradingAccountId,
    getAccount: () => bare.getAccount({ timeoutMs: INTERLOCK_CALL_MS, signal: AbortSignal.timeout(INTERLOCK_CALL_MS) }),
  });
  return { settings, key, gateway: withOrderSafety(bare, { clock: connection.clock, limits: settings.orderSafety, account: settings.accountId }) };
};

const NEED_BROKERS: readonly ParticipantName[] = ['trading-engine', 'broker-connections'];

/** Builds the named participants on real adapters. Rejects with ConfigError or LiveTradingRefused. */
export const buildParticipants = async (names: readonly ParticipantName[], base: Omit<Build, 'brokers' | 'sagas'>): Promise<readonly ParticipantDefinition[]> => {
  const { limits, brokers: settings } = base.config;
  const sagas = {
    signalToExecution: buildSignalToExecution(limits.signalToExecution),
    orderExecution: buildOrderExecution(limits.orderExecution),
    aiDecision: buildAiDecision(limits.aiDecision),
  };
  const opened = names.some((name) => NEED_BROKERS.includes(name)) ? await Promise.all(settings.map((broker) => openBroker(broker, base))) : [];
  const brokers = new Map(opened.map((broker) => [broker.settings.brokerConnectionId, broker]));
  return names.map((name) => BUILDERS[name]({ ...base, sagas, brokers }));
};
