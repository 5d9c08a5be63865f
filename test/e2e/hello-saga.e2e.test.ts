// The package as its users get it: packed, installed into an empty folder, compiled and run against the real platform.
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { projectRoot } from '#apps/local-platform';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 300_000;
const namespace = freshNamespace();
const folder = mkdtempSync(join(tmpdir(), 'chorus-hello-'));
const npm = (args: readonly string[], cwd: string): Promise<{ readonly stdout: string }> =>
  run('npm', [...args, '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline'], { cwd, env: { ...process.env, NODE_OPTIONS: '' }, maxBuffer: 16_000_000 });
const module = (...path: readonly string[]): string => join(projectRoot(), 'node_modules', ...path);

beforeAll(async () => {
  await run(process.execPath, [module('typescript', 'bin', 'tsc'), '-b', 'tsconfig.build.json'], { cwd: projectRoot() });
  await npm(['pack', '--pack-destination', folder], projectRoot());
  cpSync(join(projectRoot(), 'examples', 'hello-saga'), folder, { recursive: true });
  await npm(['install', '--omit=dev', join(folder, 'chorus-0.1.0.tgz')], folder);
}, TIMEOUT_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the tarball holds what users need and nothing of the checkout', async () => {
  const installed = join(folder, 'node_modules', 'chorus');
  const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>> };
  for (const entry of ['.', './saga-core', './saga-core/testing', './projections']) {
    const { types, default: file } = exports[entry] ?? { types: '', default: '' };
    expect(readFileSync(join(installed, types), 'utf8')).not.toBe('');
    expect(readFileSync(join(installed, file), 'utf8')).not.toBe('');
  }
  const { stdout } = await run('find', [installed, '-name', '*.test.*', '-o', '-name', 'bootstrap', '-o', '-name', '.chorus']);
  expect(stdout).toBe('');
});

test('the example compiles against the package’s types', async () => {
  const types = join(folder, 'node_modules', '@types', 'node');
  mkdirSync(join(types, '..'), { recursive: true });
  if (!existsSync(types)) symlinkSync(module('@types', 'node'), types);
  await expect(run(process.execPath, [module('typescript', 'bin', 'tsc'), '-p', 'tsconfig.json'], { cwd: folder })).resolves.toMatchObject({ stdout: '' });
}, TIMEOUT_MS);

test('the example’s own test runs without any platform', async () => {
  const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', 'test.ts'], { cwd: folder, env: { ...process.env, NODE_OPTIONS: '' }, timeout: TIMEOUT_MS });
  expect(stdout).toMatch(/^# pass 3$/m);
}, TIMEOUT_MS);

test('the example runs: one trip completes, one fails and gives back what it took, last step first', async () => {
  const { kafka, registry } = await sharedPlatform();
  const env = { ...process.env, NODE_OPTIONS: '', KAFKA_BROKERS: kafka.join(','), SCHEMA_REGISTRY_URL: registry, CHORUS_NAMESPACE: namespace };
  const { stdout } = await run(process.execPath, ['hello-saga.ts'], { cwd: folder, env, timeout: TIMEOUT_MS });
  expect(stdout.trim().split('\n')).toEqual(['Ada: COMPLETED', 'the charge is given back', 'seat 12A is free again', 'nobody: FAILED']);
}, TIMEOUT_MS);

test('the installed command line works without a checkout', async () => {
  const { stdout } = await run(process.execPath, [join(folder, 'node_modules', 'chorus', 'bin', 'chorus'), 'saga', 'describe', 'order_execution', '--json'], { cwd: folder, env: { ...process.env, NODE_OPTIONS: '' } });
  expect(JSON.parse(stdout)).toMatchObject({ type: 'order_execution', initiator: 'trading-engine' });
}, TIMEOUT_MS);
