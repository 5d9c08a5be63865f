// One test's own way through a shared stage: a symbol, an account and a connection that no other test touches.
import { DEFAULT_ORDER_SAFETY } from '#adapters/alpaca';
import type { BrokerSettings } from '#apps/worker';
import type { AlpacaCredentials, AlpacaSimulator } from '#simulators/alpaca';

export type Lane = {
  /** `SC-M-1`. */
  readonly name: string;
  readonly symbol: string;
  readonly accountId: string;
  readonly brokerConnectionId: string;
  readonly keyId: string;
  readonly secret: string;
  readonly cash: string;
};

export const laneOf = (name: string, cash = '1000000'): Lane => {
  const id = name.toLowerCase();
  return { name, symbol: name.replaceAll('-', ''), accountId: `acc-${id}`, brokerConnectionId: `conn-${id}`, keyId: `key-${id}`, secret: `secret-${id}`, cash };
};

export const credentialsOf = ({ keyId, secret, accountId, cash }: Lane): AlpacaCredentials => ({ keyId, secret, accountId, cash });

/** With a credential of its own, a lane has a circuit of its own. */
export const brokerOf = ({ symbol, accountId, brokerConnectionId }: Lane, alpaca: Pick<AlpacaSimulator, 'url' | 'streamUrl'>): BrokerSettings => ({
  brokerConnectionId, accountId, userId: 'user', isVirtual: true, baseUrl: alpaca.url, streamUrl: alpaca.streamUrl, credential: symbol, symbols: [symbol], orderSafety: DEFAULT_ORDER_SAFETY,
});

/** Secrets as the environment would give them: `<credential>_KEY_ID`, `<credential>_SECRET_KEY`, `<provider>_API_KEY`. */
export const secretsOf = (lanes: readonly Lane[]): Readonly<Record<string, string>> => ({
  OPENAI_API_KEY: 'test', GROQ_API_KEY: 'test',
  ...Object.fromEntries(lanes.flatMap(({ symbol, keyId, secret }) => [[`${symbol}_KEY_ID`, keyId], [`${symbol}_SECRET_KEY`, secret]])),
});
