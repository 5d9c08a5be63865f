import type { LogVerification } from './verify-log.ts';

/** Whether everything was judged and nothing is wrong. */
export const isClean = ({ violationCount, unjudgedCount }: LogVerification): boolean => violationCount === 0 && unjudgedCount === 0;

const headOf = ({ recordCount, instanceCount, openCount, readModels, elapsedMs }: LogVerification): string =>
  `${recordCount} records, ${instanceCount} instances (${openCount} open), ${readModels.length} read models, ${elapsedMs} ms`;

const summaryOf = (found: LogVerification): string => {
  if (isClean(found)) return 'clean: every invariant holds';
  const parts = [...(found.violationCount === 0 ? [] : [`${found.violationCount} violations`]), ...(found.unjudgedCount === 0 ? [] : [`${found.unjudgedCount} instances not judged`])];
  return parts.join(', ');
};

/** What was found, for people: a line per violation, a line per definition that is missing, and the sum. */
export const verdictLines = (found: LogVerification): readonly string[] => [
  ...found.violations.map(({ invariant, instance, message }) => `${invariant}  ${instance ?? '-'}  ${message}`),
  ...found.unjudged.map(({ type, version, instanceCount }) => `unjudged  ${type}  ${instanceCount} instances of version ${version}, whose definition this build does not have`),
  `${summaryOf(found)}; ${headOf(found)}`,
];
