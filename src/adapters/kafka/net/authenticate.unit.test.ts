import { expect, test } from '@jest/globals';
import { KafkaError } from '../errors.ts';
import type { Request } from '../net/request.ts';
import { authenticate } from './authenticate.ts';
import type { Connection } from './connection.ts';

const SASL = { mechanism: 'scram-sha-256', username: 'user', password: 'open sesame' } as const;

/** Offers the mechanism, then answers SaslAuthenticate as told. */
const connection = (answer: () => Promise<unknown>): Connection => ({
  address: 'broker:9092', expiresAtMs: Infinity,
  send: (request: Request<unknown>) => (request.name === 'SaslHandshake' ? Promise.resolve({ errorCode: 0, mechanisms: ['SCRAM-SHA-256'] }) : answer()),
}) as unknown as Connection;

test.each(['KAFKA_CONNECTION_LOST', 'KAFKA_REQUEST_TIMEOUT'] as const)('an answer lost during SASL is %s, which says nothing about the credentials', async (code) => {
  const lost = new KafkaError(code, 'lost');
  await expect(authenticate(connection(() => Promise.reject(lost)), SASL, 1_000)).rejects.toBe(lost);
});

test('refused credentials are KAFKA_AUTHENTICATION', async () => {
  const refusal = authenticate(connection(() => Promise.resolve({ errorCode: 58, message: 'no such user', authBytes: Buffer.alloc(0), sessionLifetimeMs: 0 })), SASL, 1_000);
  await expect(refusal).rejects.toMatchObject({ code: 'KAFKA_AUTHENTICATION', message: expect.stringContaining('no such user') });
});
