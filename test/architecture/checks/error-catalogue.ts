import ts from 'typescript';
import { codeFiles, type Fault, textOfFile } from './tree.ts';

const CATALOGUE = 'docs/reference/errors.md';
const CODE = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/;
/** Types whose members are codes that somebody outside the file has to understand. */
const CODE_TYPE = /(Code|Refusal)$/;

const literalsOf = (node: ts.TypeNode): readonly string[] => {
  if (ts.isUnionTypeNode(node)) return node.types.flatMap(literalsOf);
  return ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal) && CODE.test(node.literal.text) ? [node.literal.text] : [];
};

const codeIn = (initializer: ts.Expression | undefined): readonly string[] =>
  initializer !== undefined && ts.isStringLiteral(initializer) && CODE.test(initializer.text) ? [initializer.text] : [];

const isCodeName = (name: ts.PropertyName): boolean => name.getText() === 'code' || name.getText() === 'brokerCode';

/** Codes that a node declares: a type `…Code` or `…Refusal`, a property type `code: 'A' | 'B'`, a property `code: 'A'` or `code = 'A'`. */
const codesDeclaredBy = (node: ts.Node): readonly string[] => {
  if (ts.isTypeAliasDeclaration(node)) return CODE_TYPE.test(node.name.text) ? literalsOf(node.type) : [];
  if (ts.isPropertySignature(node)) return isCodeName(node.name) && node.type !== undefined ? literalsOf(node.type) : [];
  const isCode = (ts.isPropertyDeclaration(node) || ts.isPropertyAssignment(node)) && isCodeName(node.name);
  return isCode ? codeIn(node.initializer) : [];
};

/** Simulators and the log in memory stand for others' programs: their codes are those programs' to explain. */
const NOT_OURS = /^src\/(simulators|contracts\/generated|saga-core\/testing\/memory-event-log)\/|\.test\.ts$|\.fixture\.ts$/;

/** Every error code of the product, and a file that declares it. */
export const errorCodes = (root: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  const visit = (path: string) => (node: ts.Node): void => {
    for (const code of codesDeclaredBy(node)) if (!found.has(code)) found.set(code, path);
    ts.forEachChild(node, visit(path));
  };
  const paths = codeFiles(root).filter((path) => /^src\/.*\.ts$/.test(path) && !NOT_OURS.test(path));
  for (const path of paths) ts.forEachChild(ts.createSourceFile(path, textOfFile(root, path), ts.ScriptTarget.ES2024, true), visit(path));
  return found;
};

/** Every code is explained in the catalogue, and the catalogue explains no code that does not exist. */
export const errorCatalogueFaults = (root: string): readonly Fault[] => {
  const declared = errorCodes(root);
  const rows = textOfFile(root, CATALOGUE).split('\n').map((line) => /^\| `([A-Z0-9_]+)` \|(.*)/.exec(line)).filter((row) => row !== null);
  const documented = new Set(rows.map((row) => row[1] ?? ''));
  const missing = [...declared].filter(([code]) => !documented.has(code)).map(([code, path]) => `${path}: ${code} is not explained in ${CATALOGUE}`);
  const gone = [...documented].filter((code) => !declared.has(code)).map((code) => `${CATALOGUE}: ${code} is declared nowhere in src`);
  const unexplained = rows.filter((row) => (row[2] ?? '').split('|').slice(0, -1).some((cell) => cell.trim() === '')).map((row) => `${CATALOGUE}: ${row[1] ?? ''} has an empty column`);
  return [...missing, ...gone, ...unexplained];
};
