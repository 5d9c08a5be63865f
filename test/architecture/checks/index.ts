import { commandFaults, exampleFaults, linkFaults, machinePaths, missingPages, outOfReach } from './documents.ts';
import { docstringFaults } from './docstrings.ts';
import { errorCatalogueFaults } from './error-catalogue.ts';
import { risenSuppressions, suppressionsWithoutReason } from './exemptions.ts';
import { fileNameFaults, misspeltTests } from './file-names.ts';
import { hiddenTests, switchedOffTests } from './hidden-tests.ts';
import { participantNoteFaults } from './participant-notes.ts';
import { schemaFixtureFaults } from './schemas.ts';
import { frontDoorFaults, pureZoneFaults } from './settings.ts';
import type { Check } from './tree.ts';

export { countSuppressions, type Counts, type Exemptions, EXEMPTIONS_FILE, raised, readExemptions } from './exemptions.ts';
export { HEADINGS } from './participant-notes.ts';
export type { Check, Fault } from './tree.ts';

/** Every architecture check by its name: each is a test, and each is proven to bite by scripts/prove-rules.mjs. */
export const CHECKS = {
  'files are named by role and lie where their role says': fileNameFaults,
  'what looks like a test is one': misspeltTests,
  'every test is run by exactly one jest project, every project by npm test': hiddenTests,
  'no test is switched off': switchedOffTests,
  'every participant is described under the fixed headings': participantNoteFaults,
  'the error catalogue and the code name the same codes': errorCatalogueFaults,
  'what a front door gives out has a docstring': docstringFaults,
  'a suppression names its rule and its reason': suppressionsWithoutReason,
  'suppressions only get fewer': risenSuppressions,
  'schemas and fixtures match': schemaFixtureFaults,
  'every quoted command exists': commandFaults,
  'every link leads somewhere': linkFaults,
  'what a page calls the text of a file is that': exampleFaults,
  'the pages at the root are there': missingPages,
  'compiler and linter hold the same pure zones': pureZoneFaults,
  'every front door of package.json is there': frontDoorFaults,
  'no path of one machine': machinePaths,
  'no reference that a reader cannot open': outOfReach,
} as const satisfies Readonly<Record<string, Check>>;
