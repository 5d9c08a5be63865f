// The bootstrap on machines that lack something: a copy of it with a PATH of our own, where `java` and `mvn` are scripts.
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { projectRoot } from '#apps/local-platform';

const TIMEOUT_MS = 60_000;
let checkout = '';

const program = (name: string, text: string): void => {
  const file = join(checkout, 'path', name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
};
type Outcome = { readonly code: number; readonly said: string };
const bootstrap = (...args: readonly string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    const env = { PATH: join(checkout, 'path'), HOME: join(checkout, 'home') };
    execFile(process.execPath, [join(checkout, 'bootstrap', 'run.mjs'), ...args], { env }, (error, _stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), said: stderr });
    });
  });

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'chorus-bootstrap-'));
  for (const folder of ['path', 'home']) mkdirSync(join(checkout, folder));
  for (const name of ['bootstrap', 'package.json']) cpSync(join(projectRoot(), name), join(checkout, name), { recursive: true });
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
