import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** A process that cannot be mistaken for a later one with the same number: its pid and when it began. */
export type ProcessIdentity = { readonly pid: number; readonly startedAt: string };

const hasProc = existsSync('/proc/self/stat');

/**
 * State letter and start time out of a line of /proc/<pid>/stat. The command name, in brackets, may itself contain
 * spaces and brackets, so fields are counted from the last bracket: state is field 3, start time field 22.
 */
export const parseProcStat = (line: string): { readonly state: string; readonly startedAt: string } | undefined => {
  const fields = line.slice(line.lastIndexOf(')') + 2).trim().split(' ');
  const state = fields[0];
  const startedAt = fields[19];
  return state === undefined || startedAt === undefined ? undefined : { state, startedAt };
};

/**
 * A zombie has ended; where nobody reaps orphans (containers) it stays in the table for ever. But a JVM that was killed
 * shows as a zombie while its other threads are still on their way out, and holds its ports and locks until then.
 */
const hasEnded = (pid: number, state: string): boolean =>
  state === 'X' || (state === 'Z' && readdirSync(`/proc/${String(pid)}/task`).length <= 1);

const startOf = (pid: number): string | undefined => {
  try {
    if (hasProc) {
      const stat = parseProcStat(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
      return stat === undefined || hasEnded(pid, stat.state) ? undefined : stat.startedAt;
    }
    const out = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return out === '' || out.startsWith('Z') ? undefined : out.replace(/^\S+\s+/, '');
  } catch {
    return undefined; // No such process.
  }
};

/** The identity of a running process, or undefined when there is none with this pid. */
export const identify = (pid: number): ProcessIdentity | undefined => {
  const startedAt = startOf(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
};

/** Whether exactly this process (not a later one with its pid) still runs. */
export const isRunning = (identity: ProcessIdentity): boolean => startOf(identity.pid) === identity.startedAt;
