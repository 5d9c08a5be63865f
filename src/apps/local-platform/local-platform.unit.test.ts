import { expect, test } from '@jest/globals';
import { addressIn, brokerList, refuseOtherRuntimes, withoutPassword } from './environment.ts';
import { explainFileError } from './errors.ts';
import { brokerConfig, type BrokerNode, toProperties } from './kafka-config.ts';
import { instancePaths } from './paths.ts';
import { choosePort, freePorts } from './ports.ts';
import { userIn } from './postgres-user.ts';
import { parseProcStat } from './process-identity.ts';
import { parseState } from './state.ts';

const node = (nodeId: number): BrokerNode => ({
  nodeId,
  port: 9000 + nodeId,
  controllerPort: 9100 + nodeId,
  extraPorts: { SASL: 9200 + nodeId },
  dataFolder: `/data/kafka-${String(nodeId)}`,
});
const plain = { extraListeners: [], extraConfig: {} };

test.each([
  ['postgres://me:secret@host:5432/db', 'postgres://***@host:5432/db'],
  ['postgres://me:se/cr@et@host/db', 'postgres://***@host/db'],
  ['postgres://host/db?user=me&password=secret&ssl=1', 'postgres://host/db?user=me&password=***&ssl=1'],
  ['http://127.0.0.1:8080/apis', 'http://127.0.0.1:8080/apis'],
])('%s is shown without its password', (address, shown) => {
  expect(withoutPassword(address)).toBe(shown);
});

test('one broker replicates once and lets transactions commit alone', () => {
  const config = brokerConfig(node(1), [node(1)], plain);
  expect(config).toMatchObject({
    'node.id': '1',
    listeners: 'PLAINTEXT://127.0.0.1:9001,CONTROLLER://127.0.0.1:9101',
    'advertised.listeners': 'PLAINTEXT://127.0.0.1:9001',
    'controller.quorum.voters': '1@127.0.0.1:9101',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'offsets.topic.replication.factor': '1',
    'add.partitions.to.txn.retry.backoff.ms': '1',
    'auto.create.topics.enable': 'false',
  });
});

test('three brokers replicate three times, vote together and need two in sync', () => {
  const cluster = [node(1), node(2), node(3)];
  expect(brokerConfig(node(2), cluster, plain)).toMatchObject({
    'node.id': '2',
    'controller.quorum.voters': '1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103',
    'transaction.state.log.replication.factor': '3',
    'transaction.state.log.min.isr': '2',
    'min.insync.replicas': '2',
  });
});

test('an extra listener has its own address, protocol and prefixed settings', () => {
  const settings = { extraConfig: {}, extraListeners: [{ name: 'SASL', protocol: 'SASL_PLAINTEXT', config: { 'sasl.enabled.mechanisms': 'PLAIN' } }] } as const;
  expect(brokerConfig(node(1), [node(1)], settings)).toMatchObject({
    listeners: 'PLAINTEXT://127.0.0.1:9001,SASL://127.0.0.1:9201,CONTROLLER://127.0.0.1:9101',
    'advertised.listeners': 'PLAINTEXT://127.0.0.1:9001,SASL://127.0.0.1:9201',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT',
    'listener.name.sasl.sasl.enabled.mechanisms': 'PLAIN',
  });
});

test('the caller’s broker settings win', () => {
  const config = brokerConfig(node(1), [node(1)], { extraListeners: [], extraConfig: { 'num.partitions': '7', 'log.flush.interval.messages': '1' } });
  expect(config['num.partitions']).toBe('7');
  expect(config['log.flush.interval.messages']).toBe('1');
});

test('properties keep backslashes, line ends and leading blanks', () => {
  expect(toProperties({ b: 'line 1\nline 2', a: ' C:\\dir' })).toBe('a=\\ C:\\\\dir\nb=line 1\\nline 2\n');
});

test('a process’s start time is found behind a name with brackets and blanks', () => {
  const line = `77 (a) b (c) S 1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 213553 1000 2 18446744073709551615`;
  expect(parseProcStat(line)).toEqual({ state: 'S', startedAt: '213553' });
});

test('a state file that was cut short or edited yields what is whole in it', () => {
  const whole = { identity: { pid: 5, startedAt: '99' }, ports: { kafka: 9001 }, stopSignal: 'SIGTERM' };
  const text = JSON.stringify({ version: 1, parts: { kafka: whole, registry: { identity: { pid: 'x' } } }, ports: { 'kafka.kafka': 9001, bad: 'y' } });
  expect(parseState(text)).toEqual({ version: 1, parts: { kafka: whole }, ports: { 'kafka.kafka': 9001 } });
  expect(parseState(text.slice(0, 40))).toEqual({ version: 1, parts: {}, ports: {} });
});

test('the user that PostgreSQL runs as comes from the passwd file', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:nobody:/:/bin/false\n';
  expect(userIn(passwd, 'nobody')).toEqual({ uid: 65534, gid: 65533 });
  expect(userIn(passwd, 'postgres')).toBeUndefined();
});

test('addresses of the environment: blanks are cut, empty is absent', () => {
  expect(addressIn({ KAFKA_BROKERS: ' a:1,b:2 ' }, 'kafka')).toBe('a:1,b:2');
  expect(addressIn({ KAFKA_BROKERS: '' }, 'kafka')).toBeUndefined();
  expect(brokerList('a:1, b:2,,')).toEqual(['a:1', 'b:2']);
});

test('an unknown runtime is refused by its name, no runtime is not', () => {
  expect(() => { refuseOtherRuntimes({ CHORUS_RUNTIME: 'podman' }); }).toThrow('CHORUS_RUNTIME=podman is not supported');
  expect(() => { refuseOtherRuntimes({}); }).not.toThrow();
});

test('an instance name cannot leave its folder', () => {
  expect(() => instancePaths('../etc')).toThrow("Instance name '../etc'");
  expect(instancePaths('test-1').state).toMatch(/test-1\/state\.json$/);
});

test('a full disk is named as such, other file errors are passed on', () => {
  expect(explainFileError({ code: 'ENOSPC' }, '/data')).toMatchObject({ code: 'DISK_FULL', message: 'The disk that holds /data is full: free some space and start again.' });
  const other = { code: 'EACCES' };
  expect(explainFileError(other, '/data')).toBe(other);
});

test('a remembered port that is free is taken again', async () => {
  const [port = 0] = await freePorts(1);
  expect(await choosePort({ part: 'kafka', asked: undefined, remembered: port })).toBe(port);
});

test('ports handed out together differ', async () => {
  const ports = await freePorts(20);
  expect(new Set(ports).size).toBe(20);
});
