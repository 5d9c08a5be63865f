import { expect, test } from '@jest/globals';
import { kafkaConfigFromEnvironment, parseBroker } from './config.ts';

test('brokers alone mean plain text', () => {
  expect(kafkaConfigFromEnvironment({ KAFKA_BROKERS: ' a:9092, b:9093 ' })).toEqual({ brokers: ['a:9092', 'b:9093'], clientId: 'chorus' });
});

test('TLS and SASL are taken from the environment', () => {
  expect(kafkaConfigFromEnvironment({
    KAFKA_BROKERS: 'a:9092', KAFKA_CLIENT_ID: 'worker', KAFKA_SSL_CA: 'pem', KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p',
  })).toEqual({ brokers: ['a:9092'], clientId: 'worker', tls: { ca: 'pem' }, sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'p' } });
  expect(kafkaConfigFromEnvironment({ KAFKA_BROKERS: 'a:9092', KAFKA_SSL_ENABLED: 'true' }).tls).toEqual({});
});

test.each([
  [{}, /KAFKA_BROKERS/],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_SASL_MECHANISM: 'GSSAPI' }, /GSSAPI is not supported/],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'u' }, /KAFKA_SASL_PASSWORD/],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_SSL_CA: 'pem', KAFKA_SSL_CERT: 'pem' }, /KAFKA_SSL_CERT and KAFKA_SSL_KEY/],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_SSL_CA_FILE: '/nowhere/ca.pem' }, /\/nowhere\/ca.pem cannot be read/],
])('%j is refused with a reason', (environment, message) => {
  expect(() => kafkaConfigFromEnvironment(environment)).toThrow(message);
});

test('addresses are host and port, IPv6 in brackets', () => {
  expect(parseBroker('kafka.example:9092')).toEqual({ host: 'kafka.example', port: 9_092 });
  expect(parseBroker('[::1]:9092')).toEqual({ host: '::1', port: 9_092 });
  for (const wrong of ['kafka', 'kafka:', ':9092', 'kafka:0', 'kafka:65536', 'a:b:1']) expect(() => parseBroker(wrong)).toThrow(/host:port/);
});
