import { type Addresses, type Environment, securityOf } from '#apps/local-platform';
import { type WorkerConfig, workerConfig } from '#apps/worker';
import { DEFAULT_ORDER_SAFETY } from '#adapters/alpaca';
import { DEMO_ACCOUNT } from './simulators.ts';

export type StageConfigOptions = {
  readonly addresses: Pick<Addresses, 'kafka' | 'registry' | 'database'>;
  readonly namespace: string;
  readonly symbols: readonly string[];
  readonly simulators: { readonly alpaca: { readonly url: string; readonly streamUrl: string }; readonly openai: { readonly url: string }; readonly groq: { readonly url: string } };
  /** HTTP of the worker; null: none. */
  readonly port: number | null;
};

/** Above any order rate of a replay: how fast a machine is must not decide which orders pass. */
const ORDERS_PER_MINUTE_MAX = 1_000_000;

/** What a run's worker is told. A cluster that the environment names is spoken to as the environment says: with TLS, with a password. */
export const stageConfig = ({ addresses, namespace, symbols, simulators, port }: StageConfigOptions, environment: Environment): WorkerConfig => {
  const { accountId, brokerConnectionId, userId, keyId, secret } = DEMO_ACCOUNT;
  const base = workerConfig({
    ...securityOf(environment),
    KAFKA_BROKERS: addresses.kafka.join(','), SCHEMA_REGISTRY_URL: addresses.registry, CHORUS_NAMESPACE: namespace, CHORUS_REGISTER_SCHEMAS: 'true',
    ALPACA_BASE_URL: simulators.alpaca.url, ALPACA_KEY_ID: keyId, ALPACA_SECRET_KEY: secret,
    OPENAI_BASE_URL: simulators.openai.url, OPENAI_API_KEY: 'demo', GROQ_BASE_URL: simulators.groq.url, GROQ_API_KEY: 'demo',
    ...(port === null ? {} : { PORT: String(port) }),
  });
  const broker = {
    brokerConnectionId, accountId, userId, isVirtual: true, baseUrl: simulators.alpaca.url, streamUrl: simulators.alpaca.streamUrl, credential: 'ALPACA', symbols,
    orderSafety: { ...DEFAULT_ORDER_SAFETY, ordersPerMinuteMax: ORDERS_PER_MINUTE_MAX },
  };
  return { ...base, brokers: [broker] };
};
