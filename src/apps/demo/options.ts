import { parseArgs } from 'node:util';

export type DemoOptions = { readonly cycles: number | null; readonly seed: string; readonly isExit: boolean; readonly isJson: boolean };
export type Parsed = { readonly options: DemoOptions } | { readonly help: string } | { readonly fault: string };

export const USAGE = `usage: npm run demo -- [--sagas N] [--seed S] [--exit] [--json]

  --sagas N   cycles in all, spread over the symbols (default: every day of the data set, 12154)
  --seed S    draws the vendors' faults; the same seed gives the same decisions, orders and fills (default 1)
  --exit      stop everything when the replay is done; exit 0 only if every saga ended and the audit is clean
  --json      the summary as one JSON object on the last line of standard output`;

export const parseOptions = (args: readonly string[]): Parsed => {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { sagas: { type: 'string' }, seed: { type: 'string', default: '1' }, exit: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
    });
    if (values.help) return { help: USAGE };
    const cycles = values.sagas === undefined ? null : Number(values.sagas);
    if (cycles !== null && (!Number.isInteger(cycles) || cycles < 1)) return { fault: `--sagas ${String(values.sagas)}: a whole number above zero is expected` };
    return { options: { cycles, seed: values.seed, isExit: values.exit, isJson: values.json } };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
};
