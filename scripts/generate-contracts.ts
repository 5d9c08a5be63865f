import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { emitContracts } from './contracts/emit.ts';
import { readSchemaSet, SchemaRuleError } from './contracts/schema-set.ts';
import { topicsModuleText } from './contracts/topics.ts';

// schemas/**/*.avsc and schemas/topics.yaml → src/contracts/. `--check` only compares.

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const CONTRACTS = join(ROOT, 'src', 'contracts');

/** What src/contracts/ must hold, by path relative to it. */
export const generateContracts = (root: string = ROOT): ReadonlyMap<string, string> =>
  emitContracts(readSchemaSet(join(root, 'schemas')), topicsModuleText(join(root, 'schemas', 'topics.yaml')));

const contentOf = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};

/** Files of src/contracts/ that differ from what the schemas say, missing and left-over ones included. */
export const staleContracts = (): readonly string[] => {
  const expected = generateContracts();
  const stale = [...expected].filter(([path, text]) => contentOf(join(CONTRACTS, path)) !== text).map(([path]) => path);
  const leftOver = readdirSync(join(CONTRACTS, 'generated')).map((name) => `generated/${name}`).filter((path) => !expected.has(path));
  return [...stale, ...leftOver].sort();
};

const write = (): void => {
  const expected = generateContracts();
  mkdirSync(join(CONTRACTS, 'generated'), { recursive: true });
  for (const name of readdirSync(join(CONTRACTS, 'generated'))) {
    if (!expected.has(`generated/${name}`)) rmSync(join(CONTRACTS, 'generated', name));
  }
  for (const [path, text] of expected) writeFileSync(join(CONTRACTS, path), text);
  console.log(`${expected.size} files written to src/contracts/`);
};

const main = (): void => {
  try {
    if (!process.argv.includes('--check')) return write();
    const stale = staleContracts();
    if (stale.length === 0) return;
    console.error(`src/contracts/ is stale (${stale.join(', ')}): run \`npm run contracts\``);
    process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof SchemaRuleError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
