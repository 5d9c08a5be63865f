// `npx chorus …`.
import { runCommand } from './program.ts';

// Connections of a failed command must not keep the process alive.
process.exit(await runCommand(process.argv.slice(2)));
