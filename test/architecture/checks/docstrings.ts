import { posix } from 'node:path';
import ts from 'typescript';
import { type Fault, filesUnder, hasFile, textOfFile } from './tree.ts';

const isFrontDoor = (path: string): boolean =>
  /^src\/(kernel|contracts|saga-core|saga-core\/(ports|runtime|testing)|(adapters|apps|participants|projections|sagas|simulators)\/[^/]+|projections)\/index\.ts$/.test(path) && !path.startsWith('src/contracts/');

type Parse = (path: string) => ts.SourceFile | null;

/** Each file is parsed once. */
const parserOf = (root: string): Parse => {
  const parsed = new Map<string, ts.SourceFile>();
  return (path) => {
    const known = parsed.get(path);
    if (known !== undefined) return known;
    if (!hasFile(root, path)) return null;
    const file = ts.createSourceFile(path, textOfFile(root, path), ts.ScriptTarget.ES2024, true);
    parsed.set(path, file);
    return file;
  };
};

const isDocumented = (node: ts.Node): boolean => ts.getJSDocCommentsAndTags(node).length > 0;

const namesDeclaredBy = (statement: ts.Statement): readonly string[] => {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText());
  const isNamed = ts.isTypeAliasDeclaration(statement) || ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement);
  return isNamed && statement.name !== undefined ? [statement.name.text] : [];
};

type Place = { readonly path: string; readonly name: string };
/** Front doors that hand on another front door's names are a few deep at most. */
const HOPS_MAX = 4;

const reexported = (path: string, statement: ts.ExportDeclaration, name: string): Place | null => {
  const { exportClause, moduleSpecifier } = statement;
  if (exportClause === undefined || !ts.isNamedExports(exportClause) || moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) return null;
  const found = exportClause.elements.find((element) => element.name.text === name);
  const target = moduleSpecifier.text;
  return found === undefined ? null : { path: target.startsWith('#') ? target : posix.join(posix.dirname(path), target), name: found.propertyName?.text ?? name };
};

/** Whether a name's declaration has a docstring, followed through re-exports; what comes from another front door is explained there. */
const isExplained = (parse: Parse, { path, name }: Place, hopsLeft = HOPS_MAX): boolean => {
  if (path.startsWith('#')) return true;
  const file = hopsLeft === 0 ? null : parse(path);
  if (file === null) return false;
  for (const statement of file.statements) {
    if (namesDeclaredBy(statement).includes(name)) return isDocumented(statement);
    const next = ts.isExportDeclaration(statement) ? reexported(path, statement, name) : null;
    if (next !== null) return isExplained(parse, next, hopsLeft - 1);
  }
  return false;
};

const isExported = (statement: ts.Statement): boolean =>
  ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;

const exportsOf = (file: ts.SourceFile | null): readonly string[] =>
  (file?.statements ?? []).flatMap((statement) => {
    if (!ts.isExportDeclaration(statement)) return isExported(statement) ? namesDeclaredBy(statement) : [];
    return statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause) ? statement.exportClause.elements.map(({ name }) => name.text) : [];
  });

/** What a front door gives out says what it is: meaning, units, bounds, codes. The contracts are explained by their schemas. */
export const docstringFaults = (root: string): readonly Fault[] => {
  const parse = parserOf(root);
  return filesUnder(root, 'src').filter(isFrontDoor).flatMap((path) =>
    exportsOf(parse(path)).filter((name) => !isExplained(parse, { path, name })).map((name) => `${path}: ${name} has no docstring`));
};
