// Goal: TLS, SASL, ACLs and quotas on a real broker. Method: a broker of its own with a TLS and a SASL_SSL listener beside
// the plain one, a certificate made by openssl, users made over the plain listener.
import { execFileSync } from 'node:child_process';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, logLevel, ResourcePatternTypes } from 'kafkajs';
import { type LocalPlatform, startLocalPlatform } from '#apps/local-platform';
import type { EventLog, ReadError, RecordToWrite } from '#saga-core/ports';
import { ClusterView } from './cluster.ts';
import { createKafkaAdmin, createKafkaEventLog, type KafkaConfig, type KafkaEventLogOptions, type KafkaSasl } from './index.ts';
import type { Request } from './net/request.ts';

jest.setTimeout(20_000);

const PASSWORD = 'open sesame';
const ITERATIONS = 4_096;
const SCRAM_SHA_256 = 1;
const SCRAM_SHA_512 = 2;

let platform: LocalPlatform;
let caPem: string;
let topic: string;
const logs: EventLog[] = [];

const makeCertificate = (): { readonly cert: string; readonly key: string } => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-tls-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/* AlterUserScramCredentials Request (Version: 0) => [deletions] [upsertions => name mechanism iterations salt salted_password _tags] _tags */
const createScramUser = (name: string, mechanism: number): Request<readonly number[]> => ({
  apiKey: 51, apiVersion: 0, name: 'AlterUserScramCredentials', flexible: true,
  encode: (writer) => {
    const salt = randomBytes(16);
    const [digest, length] = mechanism === SCRAM_SHA_256 ? ['sha256', 32] as const : ['sha512', 64] as const;
    writer.uvarint(1).uvarint(2).compactString(name).int8(mechanism).int32(ITERATIONS);
    writer.compactBytes(salt).compactBytes(pbkdf2Sync(PASSWORD, salt, ITERATIONS, length, digest)).noTags().noTags();
  },
  decode: (reader) => {
    reader.int32();
    return reader.compactArray(() => {
      reader.compactString();
      const code = reader.int16();
      reader.compactNullableString();
      reader.skipTags();
      return code;
    });
  },
});

/* AlterClientQuotas Request (Version: 1) => [entries => [entity => type name _tags] [ops => key value remove _tags] _tags] validate_only _tags */
const limitProducer = (clientId: string, bytesPerSecond: number): Request<readonly number[]> => ({
  apiKey: 49, apiVersion: 1, name: 'AlterClientQuotas', flexible: true,
  encode: (writer) => {
    const value = Buffer.alloc(8);
    value.writeDoubleBE(bytesPerSecond);
    writer.uvarint(2).uvarint(2).compactString('client-id').compactNullableString(clientId).noTags();
    writer.uvarint(2).compactString('producer_byte_rate').raw(value).boolean(false).noTags().noTags().boolean(false).noTags();
  },
  decode: (reader) => {
    reader.int32();
    return reader.compactArray(() => {
      const code = reader.int16();
      reader.compactNullableString();
      reader.compactArray(() => {
        reader.compactString();
        reader.compactNullableString();
        reader.skipTags();
      });
      reader.skipTags();
      return code;
    });
  },
});

const connect = (config: Partial<KafkaEventLogOptions>): EventLog => {
  const log = createKafkaEventLog({ brokers: platform.kafka, clientId: 'security', ...config });
  logs.push(log);
  return log;
};
const over = (listener: string, rest: Partial<KafkaConfig>): EventLog => connect({ brokers: platform.listeners[listener] ?? [], tls: { ca: caPem }, ...rest });
const record = (text: string): RecordToWrite => ({ topic, partition: 0, key: 'key', value: Buffer.from(text), headers: {}, timestampMs: Date.now() });

const allow = async (user: string, resourceType: AclResourceTypes, resourceName: string, operation: AclOperationTypes): Promise<void> => {
  const admin = new Kafka({ brokers: [...platform.kafka], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createAcls({ acl: [{ resourceType, resourceName, resourcePatternType: ResourcePatternTypes.LITERAL, principal: `User:${user}`, host: '*', operation, permissionType: AclPermissionTypes.ALLOW }] });
  await admin.disconnect();
};

/** Writes one record and reads the partition back, over the connection under test. */
const writeAndRead = async (log: EventLog, id: string, text: string): Promise<readonly string[]> => {
  const writer = log.writer(id);
  expect(await writer.fence()).toEqual({ status: 'fenced-others' });
  expect(await writer.commit({ records: [record(text)], positions: { group: `${topic}.group`, offsets: [{ topic, partition: 0, offset: 1, metadata: text }] } })).toMatchObject({ status: 'committed' });
  expect(await log.committedPosition(`${topic}.group`, { topic, partition: 0 })).toMatchObject({ metadata: text });
  return await new Promise((resolve, reject) => {
    const texts: string[] = [];
    const subscription = log.reader().subscribe({ topic, partition: 0, offset: 0 }, {
      onBatch: ({ records }) => {
        texts.push(...records.map(({ value }) => Buffer.from(value ?? []).toString()));
        if (!texts.includes(text)) return;
        subscription.close();
        resolve(texts);
      },
      onError: (error) => reject(new Error(error.message)),
    });
  });
};

beforeAll(async () => {
  const { cert, key } = makeCertificate();
  caPem = cert;
  const tls = { 'ssl.keystore.type': 'PEM', 'ssl.keystore.certificate.chain': cert, 'ssl.keystore.key': key };
  const jaas = 'org.apache.kafka.common.security';
  platform = await startLocalPlatform({
    instance: 'kafka-security', parts: ['kafka'], environment: {},
    kafka: {
      heapMb: 400,
      extraListeners: [
        { name: 'TLS', protocol: 'SSL', config: { ...tls, 'ssl.client.auth': 'none' } },
        { name: 'SASL', protocol: 'SASL_SSL', config: {
          ...tls, 'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512', 'connections.max.reauth.ms': '3000',
          'plain.sasl.jaas.config': `${jaas}.plain.PlainLoginModule required user_plain="${PASSWORD}";`,
          'scram-sha-256.sasl.jaas.config': `${jaas}.scram.ScramLoginModule required;`,
          'scram-sha-512.sasl.jaas.config': `${jaas}.scram.ScramLoginModule required;`,
        } },
      ],
      extraConfig: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS;User:plain;User:scram256;User:scram512',
      },
    },
  });
  topic = `t${randomBytes(5).toString('hex')}`;
  const admin = createKafkaAdmin({ brokers: platform.kafka, clientId: 'security' });
  await admin.createTopics([{ topic, partitions: 1 }]);
  await admin.close();
  const cluster = new ClusterView({ brokers: platform.kafka, clientId: 'security' });
  for (const [name, mechanism] of [['scram256', SCRAM_SHA_256], ['scram512', SCRAM_SHA_512], ['nobody', SCRAM_SHA_256]] as const) {
    expect(await cluster.ask(createScramUser(name, mechanism), await cluster.controller())).toEqual([0]);
  }
  cluster.close();
}, 90_000);
afterAll(async () => {
  await Promise.all(logs.map((log) => log.close()));
  await platform.stop();
});

const scram = (username: string, mechanism: KafkaSasl['mechanism']): KafkaSasl => ({ mechanism, username, password: PASSWORD });

test('TLS: transactions, positions and reading', async () => {
  expect(await writeAndRead(over('TLS', {}), `${topic}/tls`, 'over TLS')).toContain('over TLS');
});

test('TLS: a certificate of an unknown authority is refused, and named', async () => {
  const outcome = connect({ brokers: platform.listeners['TLS'] ?? [], tls: {} }).partitionCount(topic);
  await expect(outcome).rejects.toThrow(/self-signed certificate/);
});

test('plain text to a TLS listener is a clear error, not a hang', async () => {
  await expect(connect({ brokers: platform.listeners['TLS'] ?? [] }).partitionCount(topic)).rejects.toThrow(/Kafka listener|closed|failed/);
});

test.each([['plain', 'plain'], ['scram256', 'scram-sha-256'], ['scram512', 'scram-sha-512']] as const)('SASL_SSL: user %s by %s', async (user, mechanism) => {
  expect(await writeAndRead(over('SASL', { sasl: scram(user, mechanism) }), `${topic}/${user}`, user)).toContain(user);
});

test('a wrong password is KAFKA_AUTHENTICATION, and stands in no message', async () => {
  const log = over('SASL', { sasl: { mechanism: 'scram-sha-256', username: 'scram256', password: 'not this' } });
  const refusal = await log.partitionCount(topic).then(() => null, (thrown: unknown) => thrown);
  expect(refusal).toMatchObject({ code: 'KAFKA_AUTHENTICATION', action: 'stop' });
  expect(String(refusal)).not.toContain('not this');
  expect(await log.writer('any').fence()).toMatchObject({ status: 'failed' });
});

test('a session that must be authenticated again goes on', async () => {
  const log = over('SASL', { sasl: scram('scram256', 'scram-sha-256') });
  const writer = log.writer(`${topic}/long`);
  expect(await writer.fence()).toEqual({ status: 'fenced-others' });
  const untilMs = performance.now() + 5_000;
  for (let round = 0; performance.now() < untilMs; round++) {
    expect(await writer.commit({ records: [record(`long ${round}`)] })).toMatchObject({ status: 'committed' });
    await log.endOffset({ topic, partition: 0 });
  }
});

test('a group is joined over SASL_SSL', async () => {
  const log = over('SASL', { sasl: scram('scram512', 'scram-sha-512') });
  const assigned = Promise.withResolvers<readonly unknown[]>();
  const membership = await log.join({ group: `${topic}.members`, topics: [{ topic, set: 'set' }] }, {
    onAssigned: ({ partitions }) => assigned.resolve(partitions), onLost: () => undefined, beforeRejoin: () => Promise.resolve(),
  });
  expect(await assigned.promise).toEqual([{ topic, partition: 0 }]);
  await membership.leave();
});

test('ACLs: each missing right is NOT_AUTHORISED at its place, and the writer stays usable', async () => {
  const log = over('SASL', { sasl: scram('nobody', 'scram-sha-256') });
  const id = `${topic}/nobody`;
  expect(await log.writer(id).fence()).toMatchObject({ status: 'failed', message: expect.stringContaining('TRANSACTIONAL_ID_AUTHORIZATION_FAILED') });
  await allow('nobody', AclResourceTypes.TRANSACTIONAL_ID, id, AclOperationTypes.ALL);
  const writer = log.writer(id);
  expect(await writer.fence()).toEqual({ status: 'fenced-others' });

  await allow('nobody', AclResourceTypes.TOPIC, topic, AclOperationTypes.DESCRIBE);
  expect(await writer.commit({ records: [record('forbidden')] })).toMatchObject({ status: 'not-committed', code: 'NOT_AUTHORISED' });
  const failure = await new Promise<ReadError>((resolve) => {
    log.reader().subscribe({ topic, partition: 0, offset: 0 }, { onBatch: () => undefined, onError: resolve });
  });
  expect(failure).toMatchObject({ code: 'NOT_AUTHORISED', topic });

  await allow('nobody', AclResourceTypes.TOPIC, topic, AclOperationTypes.WRITE);
  await allow('nobody', AclResourceTypes.TOPIC, topic, AclOperationTypes.READ);
  const position = { group: `${topic}.forbidden`, offsets: [{ topic, partition: 0, offset: 1, metadata: '' }] };
  expect(await writer.commit({ records: [record('half')], positions: position })).toMatchObject({ status: 'not-committed', code: 'NOT_AUTHORISED' });
  await expect(log.committedPosition(position.group, { topic, partition: 0 })).rejects.toThrow(/GROUP_AUTHORIZATION_FAILED/);
  expect(await writer.commit({ records: [record('allowed')] })).toMatchObject({ status: 'committed' });
});

test('a group that the user may not join rejects join, and says what to grant', async () => {
  const log = over('SASL', { sasl: scram('nobody', 'scram-sha-256') });
  const group = `${topic}.closed`;
  await allow('nobody', AclResourceTypes.TOPIC, topic, AclOperationTypes.DESCRIBE);
  const listener = { onAssigned: () => undefined, onLost: () => undefined, beforeRejoin: () => Promise.resolve() };
  const refusal = { code: 'KAFKA_NOT_AUTHORISED', action: 'stop', message: expect.stringMatching(new RegExp(`${group}.*grant READ on the group`)) };
  await expect(log.join({ group, topics: [{ topic, set: 'set' }] }, listener)).rejects.toMatchObject(refusal);
  // The coordinator may now be looked for, but the group not joined.
  await allow('nobody', AclResourceTypes.GROUP, group, AclOperationTypes.DESCRIBE);
  await expect(log.join({ group, topics: [{ topic, set: 'set' }] }, listener)).rejects.toMatchObject(refusal);
});

test.each(['auto', 'classic'] as const)('a quota that mutes connections for longer than a transaction slows commits down, and refuses none (%s)', async (transactionProtocol) => {
  const clientId = `quota-${transactionProtocol}`;
  const cluster = new ClusterView({ brokers: platform.kafka, clientId: 'security' });
  expect(await cluster.ask(limitProducer(clientId, 20_000), await cluster.controller())).toEqual([0]);
  cluster.close();
  const log = connect({ clientId, transactionProtocol });
  const writer = log.writer(`${topic}/${clientId}`, { transactionTimeoutMs: 1_500 });
  expect(await writer.fence()).toEqual({ status: 'fenced-others' });
  const startedAtMs = performance.now();
  const from = await log.endOffset({ topic, partition: 0 });
  for (const [round, sizeBytes] of [260_000, 20_000, 20_000].entries()) {
    const value = Buffer.from(`${clientId} ${round} ${'x'.repeat(sizeBytes)}`);
    const positions = { group: `${topic}.${clientId}`, offsets: [{ topic, partition: 0, offset: round, metadata: '' }] };
    expect(await writer.commit({ records: [{ ...record(''), value }], positions })).toMatchObject({ status: 'committed' });
  }
  // The broker asks for more than two seconds after the first.
  expect(performance.now() - startedAtMs).toBeGreaterThan(1_500);
  expect(await log.committedPosition(`${topic}.${clientId}`, { topic, partition: 0 })).toMatchObject({ offset: 2 });
  const texts: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const subscription = log.reader().subscribe({ topic, partition: 0, offset: from }, {
      onBatch: ({ records }) => {
        texts.push(...records.map(({ value }) => Buffer.from(value ?? []).toString().slice(0, clientId.length + 2)));
        if (texts.length < 3) return;
        subscription.close();
        resolve();
      },
      onError: (error) => reject(new Error(error.message)),
    });
  });
  expect(texts).toEqual([0, 1, 2].map((round) => `${clientId} ${round}`));
}, 60_000);
