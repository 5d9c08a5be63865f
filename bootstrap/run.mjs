#!/usr/bin/env node
// The way in for `npm run demo`, `npm test`, `npm run bench` and `bin/chorus`. Plain JavaScript for Node 20 and newer:
// it fetches what is missing (a newer Node, npm packages, Java, Kafka, the registry) and hands over.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDependencies } from './lib/dependencies.mjs';
import { withLock } from './lib/files.mjs';
import { ensureJars } from './lib/jars.mjs';
import { ensureJava } from './lib/java.mjs';
import { ensureNode, environmentWith } from './lib/node.mjs';
import { home, root } from './lib/paths.mjs';
import { BootstrapError } from './lib/say.mjs';
import { passSignals } from '../bin/signals.mjs';

const ENTRIES = {
  demo: 'src/apps/demo/main.ts',
  test: 'scripts/test.mjs',
  bench: 'bench/run.ts',
  chorus: 'src/apps/cli/main.ts',
  script: undefined, // The next argument names it.
  fetch: undefined, // Fetch only.
};
const NODE_MAJOR_MIN = 20;
// A younger generation of 64 MB: records live for milliseconds, and Node's 16 MB let too many of them survive (12 % of CPU measured).
const NODE_FLAGS = ['--conditions=chorus:source', '--max-semi-space-size=64', '--disable-warning=TimeoutNegativeWarning', '--disable-warning=ExperimentalWarning'];

/** Help, and commands that only look at definitions, need neither Java nor Kafka. */
const needsJava = (command, args) => command !== 'chorus' || !(args.length === 0 || args.includes('--help') || args.includes('-h') || args[0] === 'help' || (args[0] === 'saga' && args[1] === 'describe'));

const prepare = async (needsPlatform) => {
  const node = await ensureNode();
  await ensureDependencies(node);
  // Java and jars are for local processes only; with all three addresses given there are none.
  const external = ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL', 'DATABASE_URL'].every((name) => (process.env[name] ?? '') !== '');
  if (!external && needsPlatform) await ensureJars(await ensureJava());
  return node;
};

const handOver = (node, file, args) =>
  new Promise((resolve) => {
    const env = { ...environmentWith(node), NODE_COMPILE_CACHE: join(home, 'compile-cache') };
    const child = spawn(node, [...NODE_FLAGS, file, ...args], { stdio: 'inherit', env });
    passSignals(child);
    child.on('error', (error) => {
      process.stderr.write(`chorus: ${node} does not run: ${error.message}\n`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });

const usage = () => {
  process.stderr.write(`usage: node bootstrap/run.mjs ${Object.keys(ENTRIES).join('|')} [arguments]\n`);
  return 2;
};

/** The file to run, which must exist; undefined when there is only something to fetch. */
const entryFile = (command, entry) => {
  if (command === 'fetch') return undefined;
  if (entry === undefined) throw new BootstrapError('script: name the file to run.');
  const file = join(root, entry);
  if (!existsSync(file)) throw new BootstrapError(`${command}: this checkout has no ${entry}.`);
  return file;
};

const main = async ([command, ...rest]) => {
  if (command === undefined || !(command in ENTRIES)) return usage();
  if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
    throw new BootstrapError(`Node ${process.versions.node} is too old even to start: install Node ${NODE_MAJOR_MIN} or newer from https://nodejs.org.`);
  }
  const [entry, args] = command === 'script' ? [rest[0], rest.slice(1)] : [ENTRIES[command], rest];
  const file = entryFile(command, entry);
  const node = await withLock(join(home, 'bootstrap.lock'), () => prepare(needsJava(command, args)));
  return file === undefined ? 0 : handOver(node, file, args);
};

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const forbidden = () => `${error.path ?? home} may not be written: make it yours (\`chown\`), or set CHORUS_HOME to a folder that is.`;
  const FILE_FAULTS = {
    ENOSPC: () => `the disk is full: free some space in ${home} and run it again.`,
    EACCES: forbidden,
    EPERM: forbidden,
    ENOTDIR: () => `${error.path ?? home} is not below a folder: set CHORUS_HOME to one.`,
    EROFS: () => `${error.path ?? home} lies on a read-only file system: set CHORUS_HOME to a folder that can be written.`,
  };
  const line = error instanceof BootstrapError ? error.message : (FILE_FAULTS[error?.code]?.() ?? error?.stack);
  process.stderr.write(`chorus: ${line}\n`);
  process.exitCode = 1;
}
