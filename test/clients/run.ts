import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { createKafkaAdmin, createKafkaEventLog } from '#adapters/kafka';
import { createSchemaCodec } from '#adapters/schema-registry';
import { startLocalPlatform } from '#apps/local-platform';
import { allDataTypes, allEventTypes, type Envelope } from '#contracts';
import type { Codec, RecordToWrite } from '#saga-core/ports';
import { type Fixture, fromJson } from '../../scripts/contracts/fixtures.ts';

// Goal: a client that is not ours reads every type with nothing but the addresses of Kafka and the registry.
// Method: the golden records of every type, written by our codec and our transactional writer (batches, headers, an aborted
// transaction in between) to a real topic, read committed by Confluent's Python client
// (compared as values) and by Apache's Java client (which writes them again: compared as bytes).

const ROOT = join(import.meta.dirname, '..', '..');
const VENV = join(ROOT, '.chorus', 'clients-venv');
const PYTHON = join(VENV, 'bin', 'python');
const JARS = join(ROOT, '.chorus', 'jars');
const CLASSES = join(ROOT, '.chorus', 'clients-classes');
const CLASSPATH = [CLASSES, join(JARS, 'kafka', '*'), join(JARS, 'apicurio', 'lib', '*')].join(delimiter);
const PYTHON_HINT = 'Python 3.10 or newer with venv is needed: apt-get install python3 python3-venv';
const JAVA_HINT = 'a JDK 17 or newer with javac is needed: apt-get install openjdk-17-jdk-headless';
const CLIENT_TIMEOUT_MS = 180_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

const run = (command: string, args: readonly string[], hint: string): void => {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined || status !== 0) {
    throw new Error(`${command} ${args.join(' ')} failed (${error?.message ?? `exit code ${String(status)}`}): ${hint}`);
  }
};

const preparePython = (): void => {
  if (!existsSync(PYTHON)) run('python3', ['-m', 'venv', VENV], PYTHON_HINT);
  run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', join(import.meta.dirname, 'requirements.txt')], PYTHON_HINT);
};

const prepareJava = (): void => {
  mkdirSync(CLASSES, { recursive: true });
  run('javac', ['-cp', CLASSPATH, '-d', CLASSES, join(import.meta.dirname, 'ReadAll.java')], JAVA_HINT);
};

type Golden = { readonly type: string; readonly key: string; readonly value: unknown };
type Written = Golden & { readonly body: string };
type Addresses = { readonly kafka: readonly string[]; readonly registry: string };

const TYPES = [...allEventTypes, ...allDataTypes];
const RECORDS_PER_TRANSACTION = 20;
/** Above the limit of a topic: what was written before it in its transaction is aborted. */
const REFUSED_BYTES = 2_000_000;

const isEvent = (value: unknown): value is { readonly envelope: Envelope } => typeof value === 'object' && value !== null && 'envelope' in value;
const eventIdOf = (value: unknown): string => (isEvent(value) ? value.envelope.eventId : '');

/** Golden records of the present schemas, in the order of the types: events, then typed data, which records carry as bytes. */
const goldenRecords = (): readonly Written[] => {
  const folder = join(ROOT, 'schemas', 'fixtures');
  return TYPES.flatMap((type) => {
    const names = readdirSync(folder).filter((name) => name.startsWith(`${type.name}.v`)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    const fixture = JSON.parse(readFileSync(join(folder, names.at(-1) ?? `${type.name}.v1.json`), 'utf8')) as Fixture;
    return fixture.records.map(({ body, value }, index) => ({ type: type.name, key: (isEvent(value) ? value.envelope.correlationId : null) ?? `${type.name}/${index}`, body, value }));
  });
};

const encode = (codec: Codec, { type: name, value }: Golden): Uint8Array => {
  const type = TYPES.find((each) => each.name === name);
  if (type === undefined) throw new Error(`${name} is no type`);
  const decoded = fromJson(value);
  if (type.kind === 'data') return codec.encodeData(type, decoded);
  const { envelope, ...payload } = decoded as { readonly envelope: Envelope };
  return codec.encode(type, envelope, payload);
};

/** As a worker writes: transactions with positions, records with headers; one of the transactions is aborted half-way. */
const writeAll = async (records: readonly Golden[], topic: string, addresses: Addresses): Promise<void> => {
  const codec = createSchemaCodec({ registryUrl: addresses.registry, topicsOf: () => [topic], autoRegister: true });
  await codec.prepare(TYPES);
  const admin = createKafkaAdmin({ clientId: 'clients-test', brokers: addresses.kafka });
  await admin.createTopics([{ topic, partitions: 1, replicationFactor: 1 }]);
  await admin.close();
  const log = createKafkaEventLog({ clientId: 'clients-test', brokers: addresses.kafka });
  const writer = log.writer(`${topic}/writer`);
  const fence = await writer.fence();
  if (fence.status !== 'fenced-others') throw new Error(fence.message);
  const toWrite = records.map((record): RecordToWrite => ({
    topic, partition: 0, key: record.key, value: encode(codec, record), timestampMs: Date.now(),
    headers: { 'event-type': record.type, 'event-id': eventIdOf(record.value), 'correlation-id': record.key },
  }));
  const [first] = toWrite;
  if (first === undefined) throw new Error('there are no golden records');
  const refused = await writer.commit({ records: [first, { ...first, value: Buffer.alloc(REFUSED_BYTES) }] });
  if (refused.status !== 'not-committed') throw new Error(`a record of ${REFUSED_BYTES} bytes was ${refused.status}`);
  for (let at = 0; at < toWrite.length; at += RECORDS_PER_TRANSACTION) {
    const outcome = await writer.commit({
      records: toWrite.slice(at, at + RECORDS_PER_TRANSACTION),
      positions: { group: `${topic}.writer`, offsets: [{ topic, partition: 0, offset: at, metadata: '' }] },
    });
    if (outcome.status !== 'committed') throw new Error(`${outcome.status}: ${outcome.message}`);
  }
  await log.close();
};

const readWithPython = async (count: number, topic: string, addresses: Addresses): Promise<readonly Golden[]> => {
  const args = [join(import.meta.dirname, 'read_all.py'), addresses.kafka.join(','), addresses.registry, topic, String(count)];
  const { stdout } = await promisify(execFile)(PYTHON, args, { timeout: CLIENT_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX });
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as Golden);
};

const readWithJava = async (count: number, topic: string, addresses: Addresses): Promise<readonly string[]> => {
  const args = ['-Xmx256m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', CLASSPATH, 'ReadAll', addresses.kafka.join(','), addresses.registry, topic, String(count)];
  const { stdout } = await promisify(execFile)('java', args, { timeout: CLIENT_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX });
  return stdout.trim().split('\n');
};

const compareWithJava = (written: readonly Written[], read: readonly string[]): number => {
  let failed = 0;
  for (const [index, { type, key, body, value }] of written.entries()) {
    const expected = [key, type, type, eventIdOf(value), body].join('\t');
    if (read[index] === expected) continue;
    failed += 1;
    console.error(`${type}: written ${expected}\n  read and written again by Java as ${String(read[index])}`);
  }
  return failed;
};

// JSON has one kind of number: Python's 0.625 and ours, its 9007199254740991 and ours, compare as they are parsed.
const compareWithPython = (written: readonly Golden[], read: readonly Golden[]): number => {
  let failed = 0;
  for (const [index, record] of written.entries()) {
    const found = read[index];
    if (found !== undefined && found.type === record.type && found.key === record.key && isDeepStrictEqual(found.value, record.value)) continue;
    failed += 1;
    console.error(`${record.type}: written ${JSON.stringify(record.value)}\n  read by Python as ${JSON.stringify(found?.value)}`);
  }
  return failed;
};

const main = async (): Promise<void> => {
  let passed = 0;
  let failed = 0;
  try {
    preparePython();
    prepareJava();
    const instance = `clients-${process.pid}`;
    const platform = await startLocalPlatform({ instance });
    try {
      const topic = `t${randomBytes(5).toString('hex')}.clients`;
      const written = goldenRecords();
      await writeAll(written, topic, platform);
      failed += compareWithPython(written, await readWithPython(written.length, topic, platform));
      failed += compareWithJava(written, await readWithJava(written.length, topic, platform));
      passed = 2 * written.length - failed;
    } finally {
      await platform.stop();
      rmSync(join(ROOT, '.chorus', instance), { recursive: true, force: true });
    }
  } catch (error) {
    console.error(error);
    failed += 1;
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
};

await main();
