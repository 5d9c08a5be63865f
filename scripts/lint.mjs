// `npm run lint`: ESLint over the whole tree in one run. Errors fail. Warnings are sizes: each rule's number is compared with
// test/architecture/exemptions.json, where it may only fall. Whatever there is less of, of any kind of exemption, the file is lowered here.
// Options: `--list` prints every warning with its place.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ESLint } from 'eslint';
import { compareCounts } from './lint/counts.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const file = join(root, 'test', 'architecture', 'exemptions.json');
const { values } = parseArgs({ options: { list: { type: 'boolean', default: false } } });

const eslint = new ESLint({ cwd: root });
const results = await eslint.lintFiles(['.']);
const formatter = await eslint.loadFormatter('stylish');
process.stdout.write(await formatter.format(values.list ? results : ESLint.getErrorResults(results)));

const warnings = results.flatMap((result) => result.messages).filter((message) => message.severity === 1);
const counts = {};
for (const { ruleId } of warnings) counts[ruleId] = (counts[ruleId] ?? 0) + 1;

const exemptions = JSON.parse(readFileSync(file, 'utf8'));
const { risen, lowered } = compareCounts(counts, exemptions.sizeWarnings);
for (const line of risen) process.stdout.write(`${line}\n`);
if (risen.length > 0) process.stdout.write('Make the function or file smaller; `npm run lint -- --list` shows every place.\n');
const { CHECKS, countSuppressions } = await import('../test/architecture/checks/index.ts');
const faults = {};
for (const name of Object.keys(exemptions.faults)) faults[name] = (await CHECKS[name](root)).length;
const next = {
  suppressions: compareCounts(countSuppressions(root), exemptions.suppressions).lowered ?? exemptions.suppressions,
  sizeWarnings: lowered ?? exemptions.sizeWarnings,
  faults: compareCounts(faults, exemptions.faults).lowered ?? exemptions.faults,
};
if (JSON.stringify(next) !== JSON.stringify(exemptions)) {
  writeFileSync(file, `${JSON.stringify(next, null, 2)}\n`);
  process.stdout.write('Fewer exemptions than before: test/architecture/exemptions.json is lowered, commit it.\n');
}
const errors = results.reduce((sum, result) => sum + result.errorCount, 0);
process.stdout.write(`${results.length} files, ${errors} errors, ${warnings.length} sizes let pass\n`);
process.exitCode = errors > 0 || risen.length > 0 ? 1 : 0;
