import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** One thing an architecture check found: where, and what to do about it. Sorted and compared as text. */
export type Fault = string;

/** A check reads a checkout, the real one or a planted copy of parts of it. */
export type Check = (root: string) => readonly Fault[] | Promise<readonly Fault[]>;

const NOT_OURS = new Set(['node_modules', 'dist', '.chorus', '.git', 'coverage']);

/** Paths below the root with forward slashes, in order. */
export const filesUnder = (root: string, folder: string): readonly string[] => {
  const found: string[] = [];
  const walk = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        if (!NOT_OURS.has(entry.name)) walk(path);
      } else found.push(relative(root, path).split(sep).join('/'));
    }
  };
  const start = join(root, folder);
  if (existsSync(start)) walk(start);
  return found.sort();
};

export const foldersUnder = (root: string, folder: string): readonly string[] => {
  const start = join(root, folder);
  if (!existsSync(start)) return [];
  return readdirSync(start, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
};

export const textOfFile = (root: string, path: string): string => readFileSync(join(root, path), 'utf8');
export const hasFile = (root: string, path: string): boolean => existsSync(join(root, path));

/** Where programs of ours lie: what is linted and counted. */
export const codeFiles = (root: string): readonly string[] =>
  ['src', 'test', 'bench', 'scripts', 'bootstrap', 'examples'].flatMap((folder) => filesUnder(root, folder)).filter((path) => /\.(ts|tsx|mjs|cjs|js)$/.test(path));
