import type { Command } from 'commander';
import { verifyLog } from '#apps/audit';
import { allProjections } from '#apps/projector';
import { withConnection, withDatabase } from '../environment.ts';
import { answer, type OutputOptions } from '../output.ts';
import { SAGAS } from '../sagas.ts';

const verify = (options: OutputOptions & { readonly finished?: boolean }): Promise<void> =>
  withConnection((connection) => withDatabase(async (database, namespace) => {
    const { log, codec } = connection;
    const found = await verifyLog({ log, codec, namespace, definitions: SAGAS, database, projections: allProjections, isFinished: options.finished === true });
    const head = `${found.recordCount} records, ${found.instanceCount} instances (${found.openCount} open${found.unjudgedCount > 0 ? `, ${found.unjudgedCount} of unknown definitions` : ''}), ${found.readModels.length} read models, ${found.elapsedMs} ms`;
    answer(options, found, () => [
      ...found.violations.map(({ invariant, instance, message }) => `${invariant}  ${instance ?? '-'}  ${message}`),
      found.violationCount === 0 && found.unjudgedCount === 0 ? `clean: every invariant holds; ${head}` : `${found.violationCount} violations, ${found.unjudgedCount} instances that nobody judged; ${head}`,
    ].join('\n'));
    if (found.violationCount > 0 || found.unjudgedCount > 0) process.exitCode = 1;
  }));

export const addAuditCommands = (program: Command): void => {
  const audit = program.command('audit').description('what the log proves');
  audit.command('verify').description('check every invariant over the whole log and every read model against a fresh fold; exit 1 and a list on any difference')
    .option('--finished', 'nothing runs any more: whatever has not ended is lost').option('--json', 'answer as JSON').action(verify);
};
