import { type Fault, foldersUnder, hasFile, textOfFile } from './tree.ts';

/** The fixed headings of a participant's ARCHITECTURE.md, in this order. */
export const HEADINGS = [
  'Purpose',
  'State diagram',
  'Steps owned, records consumed and written',
  'Invariants',
  'Idempotency key and what a duplicate gets',
  'Compensation',
  'Time limits',
  'Failure table',
  'Non-obvious',
];
/** One page. */
const LINES_MAX = 120;

const sections = (text: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  for (const part of text.split(/^## /m).slice(1)) {
    const end = part.indexOf('\n');
    found.set(end < 0 ? part.trim() : part.slice(0, end).trim(), end < 0 ? '' : part.slice(end).trim());
  }
  return found;
};

const noteFaults = (path: string, text: string): readonly Fault[] => {
  const found = sections(text);
  const wrong = HEADINGS.join(' · ') === [...found.keys()].join(' · ') ? [] : [`${path}: the headings are, in this order: ${HEADINGS.join(' · ')}`];
  const empty = [...found].filter(([, body]) => body === '').map(([heading]) => `${path}: nothing is said under "${heading}"`);
  const long = text.split('\n').length > LINES_MAX ? [`${path}: a note is at most ${LINES_MAX} lines`] : [];
  return [...wrong, ...empty, ...long];
};

/** Every participant is described on one page whose headings are fixed: what is not said is seen to be missing. */
export const participantNoteFaults = (root: string): readonly Fault[] =>
  foldersUnder(root, 'src/participants').flatMap((name) => {
    const path = `src/participants/${name}/ARCHITECTURE.md`;
    return hasFile(root, path) ? noteFaults(path, textOfFile(root, path)) : [`${path}: is missing`];
  });
