// The bootstrap on machines that lack something: a copy of it with a PATH of our own, where `java` and `mvn` are scripts.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { projectRoot } from '#apps/local-platform';

const TIMEOUT_MS = 60_000;
let checkout = '';

const program = (name: string, text: string): void => {
  const file = join(checkout, 'path', name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
};
type Outcome = { readonly code: number; readonly said: string };
const bootstrapWith = (more: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    const env = { PATH: join(checkout, 'path'), HOME: join(checkout, 'home'), ...more };
    execFile(process.execPath, [join(checkout, 'bootstrap', 'run.mjs'), ...args], { env }, (error, _stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), said: stderr });
    });
  });
const bootstrap = (...args: readonly string[]): Promise<Outcome> => bootstrapWith({}, ...args);

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'chorus-bootstrap-'));
  for (const folder of ['path', 'home']) mkdirSync(join(checkout, folder));
  for (const name of ['bootstrap', 'bin', 'package.json']) cpSync(join(projectRoot(), name), join(checkout, name), { recursive: true });
  cpSync(join(projectRoot(), 'package-lock.json'), join(checkout, 'package-lock.json'), { preserveTimestamps: true });
  // The packages are there: these tests are about Java and jars.
  mkdirSync(join(checkout, 'node_modules'));
  writeFileSync(join(checkout, 'node_modules', '.package-lock.json'), '{}');
});
afterEach(() => { rmSync(checkout, { recursive: true, force: true }); });

test('neither Java nor Python: one line that names both roads and their commands', async () => {
  const { code, said } = await bootstrap('fetch');
  expect(code).toBe(1);
  expect(said.trim().split('\n')).toHaveLength(1);
  expect(said).toMatch(/there is neither Java 17\+ with Maven nor Python 3\.10\+ with venv: run `(apt-get|brew) install /);
}, TIMEOUT_MS);

test('a Java that is too old is not used, and said so', async () => {
  program('java', `echo 'openjdk version "11.0.20" 2023-07-18' >&2`);
  const { code, said } = await bootstrap('fetch');
  expect(code).toBe(1);
  expect(said).toContain(`${join(checkout, 'path', 'java')} is not Java 17 or newer and is not used`);
  expect(said).toContain('there is neither Java 17+');
}, TIMEOUT_MS);

test('Java without Maven or Python: the line asks for one of them', async () => {
  program('java', `echo 'openjdk version "21.0.1" 2023-10-17' >&2`);
  const { code, said } = await bootstrap('fetch');
  expect(code).toBe(1);
  expect(said).toMatch(/Java is here but neither Maven nor Python 3\.10\+ with venv to fetch Kafka with: run `(apt-get|brew) install maven`/);
}, TIMEOUT_MS);

test('a jar that is not the one of the list is refused by name, and nothing is installed', async () => {
  program('java', `echo 'openjdk version "17.0.1" 2021-10-19' >&2`);
  // A mirror that serves other files: every artifact Maven is asked for exists, with the wrong content.
  symlinkSync('/bin/sh', join(checkout, 'path', 'sh'));
  program('mvn', `
while [ "$1" != -f ]; do shift; done
folder="\${2%/pom.xml}"
while IFS= read -r line; do
  case "$line" in *'<destFileName>'*) file="\${line##*<destFileName>}"; echo changed > "$folder/\${file%%<*}";; esac
done < "$2"`);
  const { code, said } = await bootstrap('fetch');
  expect(code).toBe(1);
  expect(said).toMatch(/com\.dynatrace\.hash4j:hash4j:0\.22\.0 is not the file that bootstrap\/jars\.lock\.json names \(SHA-256 [0-9a-f]{64} instead of [0-9a-f]{64}\)/);
  expect(existsSync(join(checkout, '.chorus', 'jars'))).toBe(false);
}, TIMEOUT_MS);

test('an unknown command is wrong use', async () => {
  const { code, said } = await bootstrap('dance');
  expect(code).toBe(2);
  expect(said).toContain('usage: ');
}, TIMEOUT_MS);

test('help needs neither Java nor Kafka', async () => {
  mkdirSync(join(checkout, 'src', 'apps', 'cli'), { recursive: true });
  writeFileSync(join(checkout, 'src', 'apps', 'cli', 'main.ts'), 'process.stderr.write(process.argv.slice(2).join())');
  expect(await bootstrap('chorus', 'up', '--help')).toEqual({ code: 0, said: 'up,--help' });
  expect(await bootstrap('chorus', 'up')).toMatchObject({ code: 1, said: expect.stringContaining('there is neither Java 17+') });
}, TIMEOUT_MS);

test('a home that cannot be one is told in one line', async () => {
  const file = join(checkout, 'package.json');
  const { code, said } = await bootstrapWith({ CHORUS_HOME: join(file, 'home') }, 'fetch');
  expect(code).toBe(1);
  expect(said).toBe(`chorus: ${join(file, 'home')} is not below a folder: set CHORUS_HOME to one.\n`);
}, TIMEOUT_MS);

test('a lock that a dead bootstrap left, with a pid that is another’s by now, is taken over', async () => {
  mkdirSync(join(checkout, '.chorus'));
  writeFileSync(join(checkout, '.chorus', 'bootstrap.lock'), JSON.stringify({ pid: process.pid, startedAt: '1' }));
  const { said } = await bootstrap('fetch');
  expect(said).toContain('there is neither Java 17+');
  expect(readdirSync(join(checkout, '.chorus'))).toEqual([]);
}, TIMEOUT_MS);

test('SIGINT sent to the bootstrap alone reaches the program that it runs', async () => {
  writeFileSync(join(checkout, 'wait.mjs'), `process.on('SIGINT', () => process.exit(7)); setInterval(() => {}, 1000); process.stdout.write('ready');`);
  const env = { PATH: join(checkout, 'path'), HOME: join(checkout, 'home'), KAFKA_BROKERS: 'k:1', SCHEMA_REGISTRY_URL: 'http://r', DATABASE_URL: 'postgres://d' };
  // A session of its own: no terminal sends anything to its group.
  const child = spawn(process.execPath, [join(checkout, 'bootstrap', 'run.mjs'), 'script', 'wait.mjs'], { env, detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => { child.stdout.once('data', resolve); });
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  child.kill('SIGINT');
  expect(await ended).toBe(7);
}, TIMEOUT_MS);

/** What a program prints, or undefined where there is none or it fails. */
const asked = (file: string, ...args: readonly string[]): string | undefined => {
  try {
    return execFileSync(file, [...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
};
const onPath = (name: string): readonly string[] =>
  (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)).filter((file) => existsSync(file));
const majorOf = (node: string): number => Number(/^v(\d+)/.exec(asked(node, '--version') ?? '')?.[1] ?? 0);

/** The Python itself, not a version manager's script, which would not run on a PATH without its tools. */
const python = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10'].flatMap(onPath)
  .map((file) => asked(file, '-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10); print(sys.executable)'))
  .find((file) => file !== undefined);
// The oldest Node that is supported if the machine has one: then a newer one must be fetched, too.
const oldNode = onPath('node').find((node) => majorOf(node) >= 20 && majorOf(node) < 24) ?? process.execPath;
const npm = [join(dirname(oldNode), 'npm'), ...onPath('npm')].find((file) => existsSync(file)) ?? 'npm';
const [java, mvn] = [onPath('java')[0], onPath('mvn')[0]];

/** Certificates and proxies are the machine's; everything else that could help is taken away. */
const network = Object.fromEntries(Object.entries(process.env).filter(([name]) => /CERT|_CA$|_CA_|CAINFO|PROXY|PIP_|SSL_/i.test(name)));
const bareFetch = (more: Readonly<Record<string, string>> = {}): Promise<Outcome> =>
  new Promise((resolve) => {
    const env = { ...network, PATH: join(checkout, 'path'), HOME: join(checkout, 'home'), ...more };
    execFile(join(checkout, 'path', 'node'), [join(checkout, 'bootstrap', 'run.mjs'), 'fetch'], { env, maxBuffer: 16_000_000 }, (error, _stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), said: stderr });
    });
  });
const link = (name: string, target: string | undefined): void => {
  if (target !== undefined) symlinkSync(target, join(checkout, 'path', name));
};
const linkTools = (...names: readonly string[]): void => {
  for (const name of names) link(name, onPath(name)[0]);
};
const prepareMachine = (): void => {
  rmSync(join(checkout, 'node_modules'), { recursive: true, force: true });
  cpSync(join(projectRoot(), '.npmrc'), join(checkout, '.npmrc'));
  link('node', oldNode);
  link('npm', npm);
};
const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

type Lock = Readonly<Record<string, readonly { readonly file: string; readonly sha256: string; readonly unpack?: boolean }[]>>;
const lock = JSON.parse(readFileSync(join(projectRoot(), 'bootstrap', 'jars.lock.json'), 'utf8')) as Lock;
/** Files of the list that are not there byte for byte; what is unpacked was compared before it was. */
const wrongJars = (): readonly string[] =>
  Object.entries(lock).flatMap(([folder, members]) => members.filter((member) => member.unpack !== true).map(({ file, sha256: wanted }) => ({ path: join(checkout, '.chorus', 'jars', folder, file), wanted })))
    .filter(({ path, wanted }) => !existsSync(path) || sha256(path) !== wanted).map(({ path }) => path);
const javaOf = (): string => (JSON.parse(readFileSync(join(checkout, '.chorus', 'toolchain.json'), 'utf8')) as { readonly java: string }).java;
const versionOf = (program: string): Promise<string> =>
  new Promise((resolve) => { execFile(program, ['-version'], { env: { PATH: '/nowhere' } }, (_error, stdout, stderr) => { resolve(`${stdout}${stderr}`); }); });

const DOWNLOAD_TIMEOUT_MS = 600_000;

// Nothing is taken from this checkout or this user's caches: about 250 MB come from the registries.
describe('a machine with an empty home, on which', () => {
  // A skipped test counts as failed; a machine that lacks one road, as it may, has only the test of the other.
  if (python !== undefined) test('there is Node 20 and Python but neither Java nor Maven: Node 24, packages, a Java that runs and every jar of the list are fetched', async () => {
    prepareMachine();
    link('python3', python);
    linkTools('sh', 'git', 'tar');
    const { code, said } = await bareFetch();
    expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining('with jgo') });
    if (majorOf(oldNode) < 24) {
      const [node = ''] = readdirSync(join(checkout, '.chorus', 'node', 'node_modules')).filter((name) => name.startsWith('node-'));
      expect(majorOf(join(checkout, '.chorus', 'node', 'node_modules', node, 'bin', 'node'))).toBe(24);
    }
    expect(existsSync(join(checkout, 'node_modules', 'typescript', 'package.json'))).toBe(true);
    expect(javaOf().startsWith(join(checkout, '.chorus', 'python'))).toBe(true);
    expect(await versionOf(javaOf())).toMatch(/openjdk version "21\./);
    expect(wrongJars()).toEqual([]);
    // A second time there is nothing left to do.
    expect(await bareFetch()).toEqual({ code: 0, said: '' });
  }, DOWNLOAD_TIMEOUT_MS);

  if (java !== undefined && mvn !== undefined) test('there is Java with Maven but no Python: every jar of the list is fetched, and Java is the machine’s own', async () => {
    // The packages are those of the test above; here they are taken as installed.
    link('node', process.execPath);
    link('npm', npm);
    link('java', java);
    link('mvn', mvn);
    linkTools('sh', 'bash', 'uname', 'dirname', 'expr', 'ls', 'sed', 'basename', 'readlink', 'cat', 'tr', 'which', 'cygpath', 'git', 'tar');
    // Maven takes the home of the password file, not that of the environment.
    const { code, said } = await bareFetch({ MAVEN_OPTS: `-Duser.home=${join(checkout, 'home')} -Dmaven.repo.local=${join(checkout, 'm2')}` });
    expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining('with Maven') });
    expect(said).not.toContain('with jgo');
    expect(javaOf()).toBe(join(checkout, 'path', 'java'));
    expect(wrongJars()).toEqual([]);
  }, DOWNLOAD_TIMEOUT_MS);
});
