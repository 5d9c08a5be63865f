import { expect, test } from '@jest/globals';
import { stageConfig } from './stage-config.ts';

const OPTIONS = {
  addresses: { kafka: ['kafka-1:9093', 'kafka-2:9093'], registry: 'https://registry', database: 'postgres://db/x' }, namespace: 'demo-1', symbols: ['AAPL'], port: null,
  simulators: { alpaca: { url: 'http://127.0.0.1:1', streamUrl: 'ws://127.0.0.1:1/stream' }, openai: { url: 'http://127.0.0.1:2' }, groq: { url: 'http://127.0.0.1:3' } },
};
const SECURED = { KAFKA_SSL_ENABLED: 'true', KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512', KAFKA_SASL_USERNAME: 'demo', KAFKA_SASL_PASSWORD: 'secret', SCHEMA_REGISTRY_AUTH: 'demo:secret' };

test('a cluster that the environment names is spoken to with its TLS, its password and its registry\'s', () => {
  const { kafka, registryAuth } = stageConfig(OPTIONS, { ...SECURED, KAFKA_BROKERS: 'kafka-1:9093,kafka-2:9093', SCHEMA_REGISTRY_URL: 'https://registry' });
  expect(kafka).toMatchObject({ brokers: ['kafka-1:9093', 'kafka-2:9093'], tls: expect.anything(), sasl: { mechanism: 'scram-sha-512', username: 'demo', password: 'secret' } });
  expect(registryAuth).toBe('demo:secret');
});

test('this machine\'s own parts are spoken to in the clear, whatever the environment holds for others', () => {
  const { kafka, registryAuth } = stageConfig(OPTIONS, SECURED);
  expect(kafka).not.toHaveProperty('tls');
  expect(kafka).not.toHaveProperty('sasl');
  expect(registryAuth ?? '').toBe('');
});

test('the vendors are the simulators, and no order rate holds up a replay', () => {
  const { brokers } = stageConfig(OPTIONS, {});
  expect(brokers).toMatchObject([{ accountId: 'demo-account', baseUrl: 'http://127.0.0.1:1', streamUrl: 'ws://127.0.0.1:1/stream', symbols: ['AAPL'], orderSafety: { ordersPerMinuteMax: 1_000_000 } }]);
});
