// The rule prover: who guards the guards. Builds a small sound project in a temporary folder under this repository's own
// settings, sees that nothing is refused, plants a violation of each rule, and sees that each is refused by name.
// A rule that nobody planted a violation of fails too. Ends with a summary; exit code 1 when anything did not bite.
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ESLint } from 'eslint';
import { compareCounts } from './lint/counts.mjs';
import { BASE } from './prove-rules/base.mjs';
import { CHECK_PLANTS } from './prove-rules/check-plants.mjs';
import { COMPILER_PLANTS, OTHER_SETTINGS, PROVEN_FLAGS } from './prove-rules/compiler-plants.mjs';
import { LAW_PLANTS } from './prove-rules/law-plants.mjs';
import { LINT_ALLOWED, LINT_PLANTS } from './prove-rules/lint-plants.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const SETTINGS = ['eslint.config.mjs', '.dependency-cruiser.cjs', 'package.json', 'jest.config.mjs', 'scripts/test.mjs', 'tsconfig.base.json', 'tsconfig.pure.json', 'tsconfig.node.json', 'tsconfig.test.json'];
/** Real packages that the settings load; every other package of the small project is a planted one. */
const LINKED_PACKAGES = ['typescript-eslint', 'typescript', '@types', 'undici-types'];
const TOOL_TIMEOUT_MS = 120_000;
const TOOL_OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'chorus-rules-')));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

let proven = 0;
const failures = [];
const expectThat = (holds, what) => {
  if (holds) proven += 1;
  else failures.push(what);
};

const write = (folder, files) => {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path);
    if (text === null) rmSync(file);
    else {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  }
};

/** A copy of the sound project under our settings, with more files or changed ones. */
const project = (name, files = {}) => {
  const folder = join(scratch, name);
  write(folder, BASE);
  mkdirSync(join(folder, 'scripts'), { recursive: true });
  for (const path of SETTINGS) copyFileSync(join(root, path), join(folder, path));
  write(folder, files);
  for (const each of LINKED_PACKAGES) symlinkSync(join(root, 'node_modules', each), join(folder, 'node_modules', each));
  return folder;
};

const runTool = (folder, tool, args) =>
  new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'node_modules', ...tool), ...args], { cwd: folder, timeout: TOOL_TIMEOUT_MS, maxBuffer: TOOL_OUTPUT_BYTES_MAX }, (_, stdout, stderr) => resolve({ stdout, stderr }));
  });

/** Every refusal of one tool as { path, rule, message }. */
const lint = async (folder) => {
  const results = await new ESLint({ cwd: folder }).lintFiles(['.']);
  return results.flatMap(({ filePath, messages }) => messages.map(({ ruleId, message }) => ({ path: relative(folder, filePath), rule: ruleId, message })));
};
const cruise = async (folder) => {
  const { stdout, stderr } = await runTool(folder, ['dependency-cruiser', 'bin', 'dependency-cruiser.mjs'], ['--output-type', 'json', 'src', 'test']);
  if (stdout === '') throw new Error(`dependency-cruiser said nothing: ${stderr}`);
  return JSON.parse(stdout).summary.violations.map(({ from, to, rule }) => ({ path: from, rule: rule.name, message: to }));
};
const compile = async (folder) => {
  const { stdout } = await runTool(folder, ['typescript', 'bin', 'tsc'], ['-p', 'tsconfig.pure.json', '--noEmit', '--pretty', 'false']);
  return stdout.split('\n').map((line) => /^(\S+?)\(\d+,\d+\): error (TS\d+): (.*)$/.exec(line)).filter((match) => match !== null).map(([, path, rule, message]) => ({ path, rule, message }));
};

const has = (refusals, { path, rule, part = '' }) =>
  refusals.some((refusal) => (refusal.path === path || refusal.message === path) && refusal.rule === rule && refusal.message.includes(part));

const showAll = (refusals) => refusals.map(({ path, rule, message }) => `${path} ${rule} ${message}`).join('; ');

const proveSound = async () => {
  const folder = project('sound', Object.fromEntries(LINT_ALLOWED.filter(([, , text]) => text !== undefined).map(([path, , text]) => [path, text])));
  const [linted, compiled] = await Promise.all([lint(folder), compile(folder)]);
  const cruised = await cruise(project('sound-imports'));
  expectThat(linted.length === 0, `eslint refuses what is sound: ${showAll(linted)}`);
  expectThat(compiled.length === 0, `the compiler refuses what is sound: ${showAll(compiled)}`);
  expectThat(cruised.length === 0, `the import law refuses what is sound: ${showAll(cruised)}`);
};

/** Rules that are switched on anywhere in the configuration, with each restriction of those that take a list. */
const configuredRules = async (folder) => {
  const config = (await import(pathToFileURL(join(folder, 'eslint.config.mjs')).href)).default;
  const rules = config.flatMap((part) => Object.entries(part.rules ?? {})).filter(([, setting]) => setting !== 'off' && setting[0] !== 'off');
  const restrictions = rules.filter(([rule]) => rule === 'no-restricted-syntax').flatMap(([, setting]) => setting.slice(1).map(({ message }) => message));
  return { names: new Set(rules.map(([rule]) => rule)), restrictions: new Set(restrictions) };
};

const proveLint = async () => {
  const folder = project('lint', Object.fromEntries(LINT_PLANTS.map(({ path, text }) => [path, text])));
  const refusals = await lint(folder);
  for (const { path, expected } of LINT_PLANTS) {
    for (const [rule, part] of expected) expectThat(has(refusals, { path, rule, part }), `eslint lets pass: ${rule ?? 'suppressions'} ${part ?? ''} in ${path}`);
  }
  const planted = LINT_PLANTS.flatMap(({ expected }) => expected);
  const { names, restrictions } = await configuredRules(folder);
  for (const name of names) expectThat(planted.some(([rule]) => rule === name), `no violation of the lint rule ${name} is planted`);
  for (const message of restrictions) expectThat(planted.some(([, part]) => part !== undefined && message.includes(part)), `no violation is planted of: ${message}`);
};

const proveLaw = async () => {
  const folder = project('law', Object.assign({}, ...LAW_PLANTS.map(([, path, text, more]) => ({ [path]: text, ...more }))));
  const refusals = await cruise(folder);
  for (const [rule, path] of LAW_PLANTS) expectThat(has(refusals, { path, rule }), `the import law lets pass: ${rule} in ${path}`);
  const { forbidden } = createRequire(import.meta.url)(join(folder, '.dependency-cruiser.cjs'));
  for (const { name, comment } of forbidden) {
    expectThat(LAW_PLANTS.some(([rule]) => rule === name), `no violation of the import rule ${name} is planted`);
    expectThat((comment ?? '').length > 20, `the import rule ${name} gives no reason`);
  }
};

const proveCompiler = async () => {
  const folder = project('compiler', Object.fromEntries(COMPILER_PLANTS.map(({ path, text }) => [path, text])));
  const refusals = await compile(folder);
  for (const { path, code, rule } of COMPILER_PLANTS) {
    expectThat(refusals.some((refusal) => refusal.path === path && refusal.rule.startsWith(code)), `the compiler lets pass: ${rule} in ${path}`);
  }
  const { compilerOptions } = JSON.parse(readFileSync(join(folder, 'tsconfig.base.json'), 'utf8'));
  for (const flag of Object.keys(compilerOptions)) expectThat(PROVEN_FLAGS.includes(flag) || OTHER_SETTINGS.includes(flag), `no violation of the compiler flag ${flag} is planted`);
  for (const flag of PROVEN_FLAGS) expectThat(compilerOptions[flag] === true, `the compiler flag ${flag} is off`);
};

const proveChecks = async () => {
  const { CHECKS } = await import('../test/architecture/checks/index.ts');
  const sound = project('checks');
  for (const [name, check] of Object.entries(CHECKS)) {
    const found = await check(sound);
    expectThat(found.length === 0, `"${name}" refuses what is sound: ${found.join('; ')}`);
    expectThat((CHECK_PLANTS[name] ?? []).length > 0, `no violation of the check "${name}" is planted`);
    for (const [index, [files, part]] of (CHECK_PLANTS[name] ?? []).entries()) {
      const faults = await check(project(`check-${Object.keys(CHECKS).indexOf(name)}-${index}`, files));
      expectThat(faults.some((fault) => fault.includes(part)), `"${name}" lets pass: ${part} (told: ${faults.join('; ')})`);
    }
  }
};

const proveRatchet = () => {
  expectThat(compareCounts({ complexity: 3 }, { complexity: 2 }).risen.length === 1, 'lint lets a rule have more warnings than before');
  expectThat(compareCounts({ 'max-params': 1 }, {}).risen.length === 1, 'lint lets a rule have warnings that had none');
  expectThat(compareCounts({ complexity: 3 }, { complexity: 2 }).lowered === null, 'lint raises a count');
  expectThat(compareCounts({ complexity: 1 }, { complexity: 2, 'max-depth': 1 }).lowered?.complexity === 1, 'lint does not lower a count that fell');
  expectThat(compareCounts({ complexity: 2 }, { complexity: 2 }).risen.length === 0, 'lint refuses what was let pass');
};

const began = performance.now();
await proveSound();
await proveLint();
await Promise.all([proveLaw(), proveCompiler()]);
await proveChecks();
proveRatchet();
for (const failure of failures) process.stdout.write(`${failure}\n`);
process.stdout.write(`${proven} proven, ${failures.length} not, in ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
process.exitCode = failures.length === 0 && proven > 0 ? 0 : 1;
