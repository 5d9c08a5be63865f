import type { Command } from 'commander';
import { isClean, verdictLines, verifyLog } from '#apps/audit';
import { allProjections } from '#apps/projector';
import { withConnection, withDatabase } from '../environment.ts';
import { answer, type OutputOptions } from '../output.ts';
import { SAGAS } from '../sagas.ts';

const verify = (options: OutputOptions & { readonly finished?: boolean }): Promise<void> =>
  withConnection((connection) => withDatabase(async (database, namespace) => {
    const { log, codec } = connection;
    const found = await verifyLog({ log, codec, namespace, definitions: SAGAS, database, projections: allProjections, isFinished: options.finished === true });
    answer(options, found, () => verdictLines(found).join('\n'));
    if (!isClean(found)) process.exitCode = 1;
  }));

export const addAuditCommands = (program: Command): void => {
  const audit = program.command('audit').description('what the log proves');
  audit.command('verify').description('check every invariant over the whole log and every read model against a fresh fold; exit 1 and a list on any difference, and where something cannot be judged')
    .option('--finished', 'nothing runs any more: whatever has not ended is lost, and read models must have reached the end of the log').option('--json', 'answer as JSON').action(verify);
};
