import { type Fault, filesUnder, hasFile, textOfFile } from './tree.ts';

type Manifest = { readonly scripts: Readonly<Record<string, string>>; readonly bin: Readonly<Record<string, string>> };

const PAGES = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'GLOSSARY.md', 'SECURITY.md', 'CHANGELOG.md', 'LICENSE'];
/** What npm itself answers, without a script of that name. */
const NPM_BUILT_IN = new Set(['ci', 'install', 'i', 'pack', 'run', 'exec']);

const pages = (root: string): readonly string[] => [
  ...PAGES.filter((path) => hasFile(root, path)),
  ...['docs', 'src', 'schemas', 'deploy', 'examples'].flatMap((folder) => filesUnder(root, folder)).filter((path) => path.endsWith('.md')),
];

/** Code spans and fenced blocks: where a page quotes commands. */
const quotedLines = (text: string): readonly string[] => {
  const blocks = [...text.matchAll(/```[a-z]*\n([\s\S]*?)```/g)].flatMap((match) => (match[1] ?? '').split('\n'));
  const spans = [...text.replace(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
  return [...blocks, ...spans].map((line) => line.trim().replace(/^\$ /, ''));
};

const commandFault = (root: string, { scripts }: Manifest, command: string): string | null => {
  const npm = /^npm (?:(run) +(?:--silent +)?)?([\w:.-]+)/.exec(command);
  if (npm !== null) {
    const name = npm[2] ?? '';
    const isBuiltIn = npm[1] === undefined && NPM_BUILT_IN.has(name);
    return isBuiltIn || scripts[name] !== undefined ? null : `package.json has no script "${name}"`;
  }
  const file = /^(?:node(?: +--[\w=:-]+)* +|\.\/)?((?:bin|scripts|bootstrap|bench|\.ci)\/[\w./-]+)(?: |$)/.exec(command)?.[1];
  return file === undefined || file.endsWith('/') || hasFile(root, file) ? null : `there is no ${file}`;
};

/** A command that a page tells to type exists. */
export const commandFaults = (root: string): readonly Fault[] => {
  const manifest = JSON.parse(textOfFile(root, 'package.json')) as Manifest;
  return pages(root).flatMap((path) => quotedLines(textOfFile(root, path)).flatMap((command) => {
    const fault = commandFault(root, manifest, command);
    return fault === null ? [] : [`${path}: \`${command}\`: ${fault}`];
  }));
};

/** A link to a file of this repository leads somewhere. */
export const linkFaults = (root: string): readonly Fault[] =>
  pages(root).flatMap((path) => {
    const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.';
    return [...textOfFile(root, path).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '')
      .filter((target) => !hasFile(root, `${folder}/${target}`)).map((target) => `${path}: the link ${target} leads nowhere`);
  });

/** What a page calls the text of a file is that, but for the names of our front doors: readers have the package's. */
export const exampleFaults = (root: string): readonly Fault[] =>
  pages(root).flatMap((path) => [...textOfFile(root, path).matchAll(/<!-- the text of (\S+) -->\n```ts\n([\s\S]*?)```\n/g)].flatMap(([, file = '', text]) => {
    const actual = hasFile(root, file) ? textOfFile(root, file).replaceAll("'#saga-core", "'chorus/saga-core") : null;
    return actual === text ? [] : [`${path}: the example is not the text of ${file}`];
  }));

/** The pages every reader looks for at the root. */
export const missingPages = (root: string): readonly Fault[] =>
  ['CONTRIBUTING.md', 'GLOSSARY.md', 'SECURITY.md', 'CHANGELOG.md', 'LICENSE'].filter((path) => !hasFile(root, path)).map((path) => `${path}: is missing`);

// In parts so that this file holds none of what it looks for.
const MACHINE_PATH = new RegExp(`(^|[\\s'"\`(=])/(${['ro' + 'ot', 'ho' + 'me/[a-z]+', 'wo' + 'rk', 'Use' + 'rs/[A-Za-z]+'].join('|')})/[a-z.]`);
const OUT_OF_REACH = new RegExp(`\\b(${['SP' + 'EC', 'CONTR' + 'ACTS', 'RUNT' + 'IME', 'STY' + 'LE'].join('|')})(\\.md)? [0-9A-Z]+(\\.[0-9A-Z]+)*\\b`);

const readable = (root: string): readonly string[] => [
  ...pages(root),
  ...['src', 'test', 'bench', 'scripts', 'bootstrap', 'schemas', 'deploy', 'bin', '.ci'].flatMap((folder) => filesUnder(root, folder)).filter((path) => /\.(ts|tsx|mjs|cjs|py|java|yaml|yml|avsc)$/.test(path)),
].filter((path) => !path.startsWith('scripts/prove-rules'));

const linesThat = (root: string, pattern: RegExp, what: string): readonly Fault[] =>
  readable(root).flatMap((path) => textOfFile(root, path).split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${what}`] : [])));

/** Somebody's home folder is nobody else's. */
export const machinePaths = (root: string): readonly Fault[] => linesThat(root, MACHINE_PATH, 'names a path of one machine');

/** A comment refers to nothing that its reader cannot open. */
export const outOfReach = (root: string): readonly Fault[] => linesThat(root, OUT_OF_REACH, 'refers to a document that is not in this repository: say it in its own words');
