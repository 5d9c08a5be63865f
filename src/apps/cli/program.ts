import { Command, CommanderError } from 'commander';
import { addAuditCommands } from './commands/audit.ts';
import { addContractCommands } from './commands/contracts.ts';
import { addPlatformCommands } from './commands/platform.ts';
import { addProjectionCommands } from './commands/projection.ts';
import { addSagaCommands } from './commands/saga.ts';
import { addWorkerCommands } from './commands/worker.ts';
import { WrongUse } from './output.ts';

const WRONG_USE = 2;

/** The command line. Exit codes: 0 success, 1 failure, 2 wrong use. */
export const createProgram = (): Command => {
  const program = new Command('chorus').description('event-sourced sagas on Kafka').exitOverride().showHelpAfterError('(--help tells more)');
  addPlatformCommands(program);
  addWorkerCommands(program);
  addSagaCommands(program);
  addContractCommands(program);
  addProjectionCommands(program);
  addAuditCommands(program);
  return program;
};

const oneLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';

/** Runs one command line (without `node chorus`); resolves with its exit code. A failure is told in one line on standard error. */
export const runCommand = async (args: readonly string[]): Promise<number> => {
  try {
    await createProgram().parseAsync([...args], { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has told its own complaints; asking for help is none.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USE;
    process.stderr.write(`chorus: ${oneLine(error)}\n`);
    return error instanceof WrongUse ? WRONG_USE : 1;
  }
};
