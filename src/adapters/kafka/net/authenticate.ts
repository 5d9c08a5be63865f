import plain from 'kafkajs/src/broker/saslAuthenticator/plain.js';
import scram256 from 'kafkajs/src/broker/saslAuthenticator/scram256.js';
import scram512 from 'kafkajs/src/broker/saslAuthenticator/scram512.js';
import type { KafkaSasl } from '../config.ts';
import { codeName } from '../error-codes.ts';
import { isLostAnswer, KafkaError, reasonOf } from '../errors.ts';
import { saslAuthenticateV1, saslHandshakeV1 } from '../protocol/sasl-v1.ts';
import type { Connection } from './connection.ts';

const PROVIDERS = {
  'plain': { wireName: 'PLAIN', provide: plain },
  'scram-sha-256': { wireName: 'SCRAM-SHA-256', provide: scram256 },
  'scram-sha-512': { wireName: 'SCRAM-SHA-512', provide: scram512 },
} as const;

/** Re-authentication is a new connection: it is opened when four fifths of the session's life are over (KIP-368). */
const SESSION_SHARE = 0.8;
const LENGTH_PREFIX_BYTES = 4;

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** The mechanisms are kafkajs' own; the exchange runs on our connection. Passwords reach no message. */
export const authenticate = async (connection: Connection, sasl: KafkaSasl, timeoutMs: number): Promise<void> => {
  const { wireName, provide } = PROVIDERS[sasl.mechanism];
  const handshake = await connection.send(saslHandshakeV1(wireName), timeoutMs);
  if (handshake.errorCode !== 0) {
    throw new KafkaError('KAFKA_AUTHENTICATION', `${connection.address} does not offer ${wireName} (${codeName(handshake.errorCode)}), but ${handshake.mechanisms.join(', ')}`, { brokerCode: handshake.errorCode });
  }
  let sessionLifetimeMs = 0;
  let lost: unknown;
  const [host = '', port = ''] = connection.address.split(/:(?=\d+$)/);
  const exchange = provide({ username: sasl.username, password: sasl.password })({
    host, port: Number(port), logger: silent,
    saslAuthenticate: async ({ request, response }) => {
      const prefixed = await request.encode();
      const answer = await connection.send(saslAuthenticateV1(prefixed.subarray(LENGTH_PREFIX_BYTES)), timeoutMs).catch((thrown: unknown) => {
        if (isLostAnswer(thrown)) lost = thrown;
        throw thrown;
      });
      if (answer.errorCode !== 0) throw new Error(answer.message ?? codeName(answer.errorCode));
      sessionLifetimeMs = answer.sessionLifetimeMs;
      if (response === undefined) return undefined;
      const lengthPrefix = Buffer.alloc(LENGTH_PREFIX_BYTES);
      lengthPrefix.writeInt32BE(answer.authBytes.length);
      return response.parse(await response.decode(Buffer.concat([lengthPrefix, answer.authBytes])));
    },
  });
  try {
    await exchange.authenticate();
  } catch (thrown) {
    // kafkajs wraps whatever is thrown: a connection lost here says nothing about the credentials.
    if (lost !== undefined) throw lost;
    throw new KafkaError('KAFKA_AUTHENTICATION', `${connection.address} refused user "${sasl.username}": ${reasonOf(thrown)}`);
  }
  if (sessionLifetimeMs > 0) connection.expiresAtMs = performance.now() + sessionLifetimeMs * SESSION_SHARE;
};
