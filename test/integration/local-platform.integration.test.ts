// The local platform as its users meet it: a second start finds the first, nothing that dies blocks the next start or
// loses data, and `down` leaves nothing behind. Every test works on an instance of its own, never on the shared one.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { type Addresses, chorusHome, type ExtraProcess, freePorts, keptPort, type LocalPlatform, projectRoot, startLocalPlatform, status, stopInstance } from '#apps/local-platform';

const START_TIMEOUT_MS = 180_000;
const run = promisify(execFile);
const newInstance = (): string => `lp-${randomBytes(4).toString('hex')}`;
const removeInstance = async (instance: string): Promise<void> => {
  await stopInstance(instance);
  rmSync(join(chorusHome(), instance), { recursive: true, force: true });
};
const isAlive = (pid: number): boolean => {
  try {
    // A zombie is dead; where nobody reaps it, it stays in the table.
    return !/\) [ZX] /.test(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
const until = async (condition: () => boolean, what: string): Promise<void> => {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (condition()) return;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  throw new Error(`30 s have passed and still not: ${what}`);
};

const registerSchema = async (registry: string, subject: string): Promise<number> => {
  const schema = JSON.stringify({ type: 'record', name: 'Probe', fields: [{ name: 'n', type: 'int' }] });
  const response = await fetch(`${registry}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema }),
  });
  expect(response.status).toBe(200);
  const body: unknown = await response.json();
  return (body as { id: number }).id;
};
const schemaText = async (registry: string, id: number): Promise<string> => {
  const response = await fetch(`${registry}/schemas/ids/${String(id)}`);
  return response.ok ? ((await response.json()) as { schema: string }).schema : `status ${String(response.status)}`;
};
const query = async (database: string, sql: string): Promise<readonly unknown[]> => {
  const client = new Client({ connectionString: database });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
};

describe('an instance whose parts are killed', () => {
  const instance = newInstance();
  const options = { instance, environment: {}, kafka: { heapMb: 512 } };
  let platform: LocalPlatform;

  beforeAll(async () => { platform = await startLocalPlatform(options); }, START_TIMEOUT_MS);
  afterAll(() => removeInstance(instance), START_TIMEOUT_MS);

  test('a second start finds the first and starts nothing', async () => {
    const second = await startLocalPlatform(options);
    expect(second.started).toEqual([]);
    expect(second.pids).toEqual(platform.pids);
    expect(second.kafka).toEqual(platform.kafka);
    await second.stop();
    expect(Object.values(platform.pids).map(isAlive)).toEqual([true, true, true]);
  }, START_TIMEOUT_MS);

  test('kill -9 of the registry right after a registration loses no schema and no id', async () => {
    const id = await registerSchema(platform.registry, 'survivor');
    await platform.kill('registry');
    const healed = await platform.heal();
    expect(healed.started).toEqual(['registry']);
    expect(healed.registry).toBe(platform.registry);
    expect(await schemaText(healed.registry, id)).toContain('"Probe"');
    expect(await registerSchema(healed.registry, 'survivor')).toBe(id);
  }, START_TIMEOUT_MS);

  test('kill -9 of the database loses no committed row', async () => {
    await query(platform.database, 'CREATE TABLE survivor AS SELECT 42 AS answer');
    await platform.kill('database');
    const healed = await platform.heal();
    expect(healed.started).toEqual(['database']);
    expect(healed.database).toBe(platform.database);
    expect(await query(healed.database, 'SELECT answer FROM survivor')).toEqual([{ answer: 42 }]);
  }, START_TIMEOUT_MS);

  test('kill -9 of the database while a session is busy: the next server does not start beside what is left of the first', async () => {
    const client = new Client({ connectionString: platform.database });
    client.on('error', () => undefined);
    await client.connect();
    const backend = ((await client.query('SELECT pg_backend_pid() AS pid')).rows as readonly { readonly pid: number }[])[0]?.pid ?? 0;
    const busy = client.query('SELECT count(*) FROM generate_series(1, 1000000000)').catch(() => undefined);
    await platform.kill('database');
    const healed = await platform.heal();
    expect(healed.started).toEqual(['database']);
    expect(isAlive(backend)).toBe(false);
    await busy;
    expect(await query(healed.database, 'SELECT answer FROM survivor')).toEqual([{ answer: 42 }]);
  }, START_TIMEOUT_MS);

  test('kill -9 of the broker: it is back at its address and commits transactions', async () => {
    await platform.kill('kafka');
    const healed = await platform.heal();
    expect(healed.started).toEqual(['kafka']);
    expect(healed.kafka).toEqual(platform.kafka);
  }, START_TIMEOUT_MS);

  test('a database killed hard, with a pid file that now names a stranger, starts again', async () => {
    await platform.kill('database');
    const pidFile = join(chorusHome(), instance, 'data', 'postgres', 'postmaster.pid');
    const lines = readFileSync(pidFile, 'utf8').split('\n');
    writeFileSync(pidFile, [String(process.pid), ...lines.slice(1)].join('\n'));
    expect((await platform.heal()).started).toEqual(['database']);
    expect(isAlive(process.pid)).toBe(true);
  }, START_TIMEOUT_MS);

  test('a database killed hard that nobody has reaped, as in a container, starts again', async () => {
    await platform.kill('database');
    const pidFile = join(chorusHome(), instance, 'data', 'postgres', 'postmaster.pid');
    // PostgreSQL takes a zombie of its own user for a running server: the child ends when its parent is a program that reaps nobody.
    const { uid, gid } = statSync(pidFile);
    const parent = spawn('/bin/sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 120'], { uid, gid, stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const zombie = await new Promise<number>((resolve) => parent.stdout.once('data', (data: Buffer) => resolve(Number(data.toString()))));
      await until(() => existsSync(`/proc/${zombie}/stat`) && !isAlive(zombie), 'the child is a zombie');
      const lines = readFileSync(pidFile, 'utf8').split('\n');
      writeFileSync(pidFile, [String(zombie), ...lines.slice(1)].join('\n'));
      expect((await platform.heal()).started).toEqual(['database']);
    } finally {
      parent.kill('SIGKILL');
    }
  }, START_TIMEOUT_MS);

  test('a data folder whose formatting was cut short is formatted again', async () => {
    await stopInstance(instance);
    rmSync(join(chorusHome(), instance, 'data', 'kafka', 'meta.properties'));
    const healed = await platform.heal();
    expect([...healed.started].sort()).toEqual(['database', 'kafka', 'registry']);
  }, START_TIMEOUT_MS);
});

describe('a port that another program holds', () => {
  const instance = newInstance();
  let server: Server;
  let port = 0;

  beforeAll(async () => {
    [port = 0] = await freePorts(1);
    server = createServer();
    await new Promise<void>((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  });
  afterAll(async () => {
    await new Promise((resolve) => { server.close(resolve); });
    await removeInstance(instance);
  });

  test('is refused by its number and part, and nothing is left running', async () => {
    const start = startLocalPlatform({ instance, environment: {}, parts: ['database'], ports: { database: port } });
    await expect(start).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: `Port ${String(port)} for database is taken by another program: stop that program or ask for another port.`,
    });
    expect(await stopInstance(instance)).toEqual([]);
  }, START_TIMEOUT_MS);
});

describe('an extra process', () => {
  const instance = newInstance();
  let platform: LocalPlatform;

  afterAll(() => removeInstance(instance), START_TIMEOUT_MS);

  test('is told the addresses, awaited, found by the next start and stopped with the rest', async () => {
    const [port = 0] = await freePorts(1);
    const extraProcesses = async (addresses: Addresses): Promise<readonly ExtraProcess[]> => [{
      name: 'echo',
      command: process.execPath,
      args: ['-e', 'require("node:http").createServer((_, answer) => answer.end(process.env.TOLD)).listen(Number(process.env.PORT), "127.0.0.1")'],
      env: { PORT: String(port), TOLD: addresses.database, NODE_OPTIONS: '' },
      ports: { http: port },
      health: `http://127.0.0.1:${String(port)}/`,
      answers: () => fetch(`http://127.0.0.1:${String(port)}/`, { signal: AbortSignal.timeout(1_000) }).then((response) => response.ok, () => false),
    }];
    const options = { instance, environment: {}, parts: ['database'], extraProcesses } as const;
    platform = await startLocalPlatform(options);
    expect([...platform.started].sort()).toEqual(['database', 'echo']);
    expect(await (await fetch(`http://127.0.0.1:${String(port)}/`)).text()).toBe(platform.database);
    expect((await startLocalPlatform(options)).started).toEqual([]);
    expect(await keptPort(instance, 'echo', 'http')).toBe(port);

    // One probe that goes unanswered is no reason to kill it.
    const echo = platform.pids['echo'] ?? 0;
    const said: string[] = [];
    process.kill(echo, 'SIGSTOP');
    const patient = await startLocalPlatform({ ...options, onProgress: (line) => {
      said.push(line);
      if (line.includes('does not answer')) process.kill(echo, 'SIGCONT');
    } });
    expect(said).toContain(`echo (pid ${String(echo)}) runs but does not answer; it has 30 s before it is started again`);
    expect(patient).toMatchObject({ started: [], pids: { echo } });

    // What runs with other settings (another namespace, another broker) is not what was asked for.
    const changed = await startLocalPlatform({ ...options, extraProcesses: async (addresses) => (await extraProcesses(addresses)).map((each) => ({ ...each, env: { ...each.env, TOLD: 'new' } })) });
    expect(changed.started).toEqual(['echo']);
    expect(await (await fetch(`http://127.0.0.1:${String(port)}/`)).text()).toBe('new');

    // Shown as it is, by its own address.
    expect(await status(instance)).toContainEqual(expect.objectContaining({ name: 'echo', answers: true }));
    await changed.kill('echo');
    expect(await status(instance)).toContainEqual(expect.objectContaining({ name: 'echo', isRunning: false, answers: false }));
    expect((await changed.heal()).started).toEqual(['echo']);
    await changed.stop();
    await platform.stop();
    expect(Object.values(platform.pids).map(isAlive)).toEqual([false, false]);
  }, START_TIMEOUT_MS);
});

describe('a start that fails where an earlier crash left a part behind', () => {
  const instance = newInstance();
  afterAll(() => removeInstance(instance), START_TIMEOUT_MS);

  test('leaves nothing running', async () => {
    const never = (answers: () => Promise<boolean>) => (): Promise<readonly ExtraProcess[]> =>
      Promise.resolve([{ name: 'mute', command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'], env: { NODE_OPTIONS: '' }, answers, startTimeoutMs: 1_000 }]);
    const options = { instance, environment: {}, parts: [] } as const;
    const before = await startLocalPlatform({ ...options, extraProcesses: never(() => Promise.resolve(true)) });
    await before.kill('mute');
    await expect(startLocalPlatform({ ...options, extraProcesses: never(() => Promise.resolve(false)) })).rejects.toMatchObject({ code: 'START_TIMED_OUT' });
    expect(await stopInstance(instance)).toEqual([]);
  }, START_TIMEOUT_MS);
});

describe('addresses of the environment', () => {
  test('one that does not answer is named without its password', async () => {
    const [port = 0] = await freePorts(1);
    const environment = { DATABASE_URL: `postgres://me:secret@127.0.0.1:${String(port)}/db` };
    await expect(startLocalPlatform({ instance: newInstance(), environment, parts: ['database'] })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: `DATABASE_URL=postgres://***@127.0.0.1:${String(port)}/db does not answer: start it, correct the variable, or unset it to have a local one.`,
    });
  });

  test('Docker is refused while there is none', async () => {
    const start = startLocalPlatform({ instance: newInstance(), environment: { CHORUS_RUNTIME: 'docker' } });
    await expect(start).rejects.toMatchObject({ code: 'RUNTIME_UNSUPPORTED' });
  });
});

describe('the command line', () => {
  // A home of its own, with the downloaded parts linked in, so that a developer's running platform is left alone.
  const home = mkdtempSync(join(tmpdir(), 'chorus-up-'));
  const environment = { ...process.env, CHORUS_HOME: home, KAFKA_BROKERS: '', SCHEMA_REGISTRY_URL: '', DATABASE_URL: '', NODE_OPTIONS: '' };
  const main = join(projectRoot(), 'src', 'apps', 'local-platform', 'main.ts');
  const args = (...words: readonly string[]): string[] => ['--conditions=chorus:source', main, ...words, '--heap-mb', '512'];
  const chorus = async (...words: readonly string[]): Promise<string> => (await run(process.execPath, args(...words), { env: environment })).stdout;
  const localJson = (): { pids: Record<string, number>; kafka: string[] } =>
    JSON.parse(readFileSync(join(home, 'local.json'), 'utf8')) as { pids: Record<string, number>; kafka: string[] };

  const statePids = (): readonly number[] => {
    const stateFile = join(home, 'local', 'state.json');
    if (!existsSync(stateFile)) return [];
    const state = JSON.parse(readFileSync(stateFile, 'utf8')) as { parts: Record<string, { identity: { pid: number } }> };
    return Object.values(state.parts).map((part) => part.identity.pid);
  };

  beforeAll(() => {
    // PostgreSQL runs as another user when the tests run as root.
    execFile('chmod', ['755', home]);
    for (const name of ['jars', 'toolchain.json', 'python', 'class-archives']) {
      const target = join(chorusHome(), name);
      if (existsSync(target)) symlinkSync(target, join(home, name));
    }
  });
  afterAll(async () => {
    await chorus('down');
    rmSync(home, { recursive: true, force: true });
  }, START_TIMEOUT_MS);

  test('up outlives its caller, up again finds it, down leaves no process', async () => {
    expect(await chorus('up')).toMatch(/started .*kafka/);
    const first = localJson();
    expect(Object.keys(first.pids).sort()).toEqual(['database', 'kafka', 'registry']);
    expect(await chorus('up')).toContain('was running');
    expect(localJson()).toEqual(first);
    expect((await chorus('status')).match(/answers/g)).toHaveLength(3);
    await chorus('down');
    await until(() => !Object.values(first.pids).some(isAlive), `processes ${Object.values(first.pids).join(', ')} ended`);
    expect(existsSync(join(home, 'local.json'))).toBe(false);
    await expect(chorus('status')).rejects.toMatchObject({ code: 1, stdout: 'nothing runs\n' });
  }, START_TIMEOUT_MS);

  test('Ctrl-C during the start leaves no process, and does not block the next', async () => {
    const starter = spawn(process.execPath, args('up'), { env: environment, stdio: 'ignore' });
    await until(() => statePids().length === 3, 'three processes started');
    const started = statePids();
    starter.kill('SIGINT');
    await until(() => !started.some(isAlive), `processes ${started.join(', ')} ended`);
  }, START_TIMEOUT_MS);

  test('Ctrl-C of a program that runs a platform leaves no process', async () => {
    const program = `import { startLocalPlatform } from '#apps/local-platform';
      const { pids } = await startLocalPlatform({ instance: 'ctrl-c', environment: {}, parts: ['database'] });
      process.stdout.write(JSON.stringify(pids)); setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--conditions=chorus:source', '--input-type=module', '-e', program], { cwd: projectRoot(), env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
    const said = await new Promise<string>((resolve) => { child.stdout.once('data', (bytes: Buffer) => { resolve(bytes.toString('utf8')); }); });
    const pids = Object.values(JSON.parse(said) as Record<string, number>);
    expect(pids.map(isAlive)).toEqual([true]);
    child.kill('SIGINT');
    await until(() => !pids.some(isAlive), `processes ${pids.join(', ')} ended`);
  }, START_TIMEOUT_MS);

  test('a start that is killed hard takes its processes along and does not block the next', async () => {
    const starter = spawn(process.execPath, args('up'), { env: environment, stdio: 'ignore' });
    // Those of the start before are still in the file, dead, until this one has replaced them.
    await until(() => statePids().filter(isAlive).length === 3, 'three processes started');
    const started = statePids();
    starter.kill('SIGKILL');
    await until(() => !started.some(isAlive), `processes ${started.join(', ')} ended`);
    expect(await chorus('up')).toMatch(/started .*kafka/);
  }, START_TIMEOUT_MS);
});

describe('three brokers', () => {
  const instance = newInstance();
  let platform: LocalPlatform;

  beforeAll(async () => {
    platform = await startLocalPlatform({ instance, environment: {}, parts: ['kafka'], brokers: 3, kafka: { heapMb: 384 } });
  }, START_TIMEOUT_MS);
  afterAll(() => removeInstance(instance), START_TIMEOUT_MS);

  test('commit with one of them killed, and take it back', async () => {
    expect(platform.kafka).toHaveLength(3);
    await platform.kill('kafka-2');
    const healed = await platform.heal();
    expect(healed.started).toEqual(['kafka-2']);
    expect(healed.kafka).toEqual(platform.kafka);
  }, START_TIMEOUT_MS);
});
