import { matchesGlob, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { codeFiles, type Fault, textOfFile } from './tree.ts';

type JestProject = { readonly displayName: string; readonly testMatch: readonly string[]; readonly testPathIgnorePatterns?: readonly string[] };
type JestConfig = { readonly default: { readonly projects: readonly JestProject[] } };

const runs = (root: string, project: JestProject, path: string): boolean => {
  const file = join(root, path);
  const isMatched = project.testMatch.some((glob) => matchesGlob(file, glob.replace('<rootDir>', root)));
  return isMatched && !(project.testPathIgnorePatterns ?? []).some((pattern) => new RegExp(pattern.replace('<rootDir>', root)).test(file));
};

const projectsOf = async (root: string): Promise<readonly JestProject[]> => {
  const config = (await import(pathToFileURL(join(root, 'jest.config.mjs')).href)) as JestConfig;
  return config.default.projects;
};

/** No test can hide: each is run by exactly one jest project, and `npm test` runs each project. */
export const hiddenTests = async (root: string): Promise<readonly Fault[]> => {
  const projects = await projectsOf(root);
  const tests = codeFiles(root).filter((path) => /\.test\.[cm]?[jt]sx?$/.test(path));
  const faults = tests.flatMap((path) => {
    const names = projects.filter((project) => runs(root, project, path)).map((project) => project.displayName);
    if (names.length === 1) return [];
    return [names.length === 0 ? `${path}: no jest project runs it` : `${path}: run by ${names.join(' and ')}; one project is enough`];
  });
  const runner = textOfFile(root, 'scripts/test.mjs');
  const unrun = projects.filter((project) => !runner.includes(`{ name: '${project.displayName}',`)).map((project) => `jest.config.mjs: scripts/test.mjs never runs the project ${project.displayName}`);
  return [...faults, ...unrun];
};

// Written in two parts so that this file is not what it looks for.
const SWITCHED_OFF = new RegExp(String.raw`\b(?:test|it|describe)\.(?:${['sk' + 'ip', 'on' + 'ly', 'to' + 'do', 'fail' + 'ing'].join('|')})\b|\bx(?:it|test|describe)\(`);

/** A test that is switched off, or switches the others off, tests nothing. */
export const switchedOffTests = (root: string): readonly Fault[] =>
  codeFiles(root).filter((path) => path.endsWith('.test.ts') || path.startsWith('test/')).flatMap((path) =>
    textOfFile(root, path).split('\n').flatMap((line, index) => (SWITCHED_OFF.test(line) ? [`${path}:${index + 1}: a test that is switched off tests nothing: mend it or delete it`] : [])));
