// The core suite: lint, types, then every jest project against one local platform. Ends with one line `N passed, N failed`.
// Options: `--project NAME` (repeatable; without it all), `--no-checks` (jest only); the rest goes to jest.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const module = (...path) => join(root, 'node_modules', ...path);
const MINUTE_MS = 60_000;

/** Where the tests need Kafka, the registry or PostgreSQL they run one file at a time: the machine has two cores and one broker. */
const PROJECTS = [
  { name: 'unit', needsPlatform: false },
  { name: 'architecture', needsPlatform: false },
  { name: 'conformance', needsPlatform: true },
  { name: 'simulation', needsPlatform: false },
  { name: 'integration', needsPlatform: true },
  { name: 'faults', needsPlatform: true },
  { name: 'e2e', needsPlatform: true },
];
const PROJECT_TIMEOUT_MS = 25 * MINUTE_MS;
const CHECK_TIMEOUT_MS = 10 * MINUTE_MS;

const total = { passed: 0, failed: 0 };
const failures = [];
const running = new Set();

const count = (passed, failed, what) => {
  total.passed += passed;
  total.failed += failed;
  if (failed > 0) failures.push(what);
};

/** Runs a program in the terminal; its exit code, or 1 when it had to be ended. */
const run = (args, { env = process.env, timeoutMs }) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
    running.add(child);
    const timer = setTimeout(() => {
      process.stdout.write(`\n${args.join(' ')} ran for ${timeoutMs / MINUTE_MS} minutes and was ended.\n`);
      child.kill('SIGKILL');
    }, timeoutMs);
    const finish = (code) => {
      clearTimeout(timer);
      running.delete(child);
      resolve(code);
    };
    child.on('error', () => finish(1));
    child.on('exit', (code) => finish(code ?? 1));
  });

const check = async (name, args) => {
  process.stdout.write(`\n== ${name}\n`);
  const code = await run(args, { timeoutMs: CHECK_TIMEOUT_MS });
  count(code === 0 ? 1 : 0, code === 0 ? 0 : 1, name);
};

const runChecks = async () => {
  await check('lint', [join('scripts', 'lint.mjs')]);
  await check('import law', [module('dependency-cruiser', 'bin', 'dependency-cruiser.mjs'), 'src', 'test', 'bench', 'scripts']);
  await check('types of the sources', [module('typescript', 'bin', 'tsc'), '-b', 'tsconfig.build.json']);
  await check('types of the tests', [module('typescript', 'bin', 'tsc'), '-p', 'tsconfig.test.json']);
};

/** Counts a jest report. A suite that did not run, a skipped test and a report that is missing are failures. */
const countReport = (name, file, code) => {
  const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  if (report === undefined) {
    count(0, 1, `${name}: jest made no report`);
    return;
  }
  const skipped = report.numPendingTests + report.numTodoTests;
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites + skipped;
  if (skipped > 0) process.stdout.write(`${skipped} tests of ${name} were skipped, which counts as failed.\n`);
  count(report.numPassedTests, failed, name);
  if (code !== 0 && failed === 0) count(0, 1, `${name}: jest ended with code ${code}`);
};

const runProject = async (project, { environment, rest }) => {
  process.stdout.write(`\n== ${project.name}\n`);
  const folder = join(root, '.chorus', 'reports');
  mkdirSync(folder, { recursive: true });
  const report = join(folder, `${project.name}.json`);
  rmSync(report, { force: true });
  const args = [
    '--experimental-vm-modules', '--disable-warning=ExperimentalWarning', '--disable-warning=TimeoutNegativeWarning',
    module('jest', 'bin', 'jest.js'), '--selectProjects', project.name, '--ci', '--passWithNoTests', '--json', `--outputFile=${report}`,
    ...(project.needsPlatform ? ['--runInBand', '--forceExit'] : ['--maxWorkers=2']), ...rest,
  ];
  // With --json jest prints the report to standard output too, unless it has a file for it.
  countReport(project.name, report, await run(args, { env: { ...process.env, ...environment }, timeoutMs: PROJECT_TIMEOUT_MS }));
};

/** Ends the platform of this run, also one that is still starting, and removes what it wrote. */
let discardPlatform;

const startPlatform = async () => {
  const { startLocalPlatform, stopInstance, projectRoot } = await import('#apps/local-platform');
  const instance = `test-${process.pid}`;
  const began = performance.now();
  discardPlatform = async () => {
    await stopInstance(instance);
    rmSync(join(projectRoot(), '.chorus', instance), { recursive: true, force: true });
  };
  const platform = await startLocalPlatform({ instance, kafka: { heapMb: 512 } });
  process.stdout.write(`\n== platform ${instance}: ready after ${((performance.now() - began) / 1000).toFixed(1)} s (${platform.kafka.join(',')})\n`);
  return {
    environment: { KAFKA_BROKERS: platform.kafka.join(','), SCHEMA_REGISTRY_URL: platform.registry, DATABASE_URL: platform.database },
    stop: async () => {
      await platform.stop();
      // The logs of a failed run are worth keeping, its data is not.
      const folder = join(projectRoot(), '.chorus', instance);
      rmSync(total.failed === 0 ? folder : join(folder, 'data'), { recursive: true, force: true });
    },
  };
};

const runProjects = async (projects, rest) => {
  for (const project of projects.filter((each) => !each.needsPlatform)) await runProject(project, { environment: {}, rest });
  const others = projects.filter((each) => each.needsPlatform);
  if (others.length === 0) return;
  const platform = await startPlatform();
  try {
    for (const project of others) await runProject(project, { environment: platform.environment, rest });
  } finally {
    await platform.stop();
  }
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { project: { type: 'string', multiple: true }, 'no-checks': { type: 'boolean', default: false } },
});
const unknown = (values.project ?? []).filter((name) => !PROJECTS.some((project) => project.name === name));
if (unknown.length > 0) {
  process.stderr.write(`unknown project ${unknown.join(', ')}; there are ${PROJECTS.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}
// Ctrl-C: the children first, then the platform and its data.
let isEnding = false;
const interrupted = async () => {
  if (isEnding) return;
  isEnding = true;
  for (const child of running) child.kill('SIGTERM');
  try {
    await discardPlatform?.();
  } finally {
    process.exit(130);
  }
};
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => void interrupted());

process.chdir(root);
if (!values['no-checks']) await runChecks();
try {
  await runProjects(PROJECTS.filter(({ name }) => values.project === undefined || values.project.includes(name)), positionals);
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
  count(0, 1, 'the local platform');
}
if (failures.length > 0) process.stdout.write(`\nfailed: ${[...new Set(failures)].join('; ')}\n`);
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
