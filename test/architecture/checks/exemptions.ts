import { codeFiles, type Fault, textOfFile } from './tree.ts';

/** The checked-in count of everything that is let pass; a count may only fall. */
export const EXEMPTIONS_FILE = 'test/architecture/exemptions.json';

export type Counts = Readonly<Record<string, number>>;
export type Exemptions = { readonly suppressions: Counts; readonly sizeWarnings: Counts; readonly faults: Counts };

export const readExemptions = (root: string): Exemptions => JSON.parse(textOfFile(root, EXEMPTIONS_FILE)) as Exemptions;

// In two parts so that this file is none of the places it counts.
const LINT_OFF = 'eslint' + '-disable';
const TYPES_OFF = ['@ts' + '-expect-error', '@ts' + '-ignore', '@ts' + '-nocheck'];
const isSuppression = (line: string): boolean => line.includes(LINT_OFF) || TYPES_OFF.some((each) => line.includes(each));

type Place = { readonly path: string; readonly line: number; readonly text: string };

/** The rule prover's planted violations suppress on purpose; they are no code of the product. */
const countedFiles = (root: string): readonly string[] => [...codeFiles(root), 'eslint.config.mjs'].filter((path) => !path.startsWith('scripts/prove-rules'));

const suppressions = (root: string): readonly Place[] =>
  countedFiles(root).flatMap((path) => textOfFile(root, path).split('\n').flatMap((text, index) => (isSuppression(text) ? [{ path, line: index + 1, text }] : [])));

const kindOf = ({ text }: Place): string => TYPES_OFF.find((each) => text.includes(each))?.slice(1) ?? LINT_OFF;

const NAMED = new RegExp(`${LINT_OFF}(-next-line|-line)? +[@a-z][\\w@/-]*(, [@a-z][\\w@/-]*)* -- \\S.{9,}`);

/** A suppression names the rule and gives the reason after ` -- `. */
const namesRuleAndReason = ({ text }: Place): boolean =>
  text.includes(LINT_OFF) ? NAMED.test(text) : new RegExp(`${TYPES_OFF[0] ?? ''}:? \\S.{9,}`).test(text);

export const countSuppressions = (root: string): Counts => {
  const counts: Record<string, number> = { [LINT_OFF]: 0 };
  for (const place of suppressions(root)) counts[kindOf(place)] = (counts[kindOf(place)] ?? 0) + 1;
  return counts;
};

export const suppressionsWithoutReason = (root: string): readonly Fault[] =>
  suppressions(root).filter((place) => !namesRuleAndReason(place)).map(({ path, line }) => `${path}:${line}: a suppression names the rule and, after " -- ", the reason`);

/** What there is more of than was let pass. */
export const raised = (now: Counts, allowed: Counts): readonly Fault[] =>
  Object.entries(now).filter(([name, count]) => count > (allowed[name] ?? 0))
    .map(([name, count]) => `${name}: ${count}, and ${EXEMPTIONS_FILE} lets ${allowed[name] ?? 0} pass; the count may only fall`);

export const risenSuppressions = (root: string): readonly Fault[] => raised(countSuppressions(root), readExemptions(root).suppressions);
