export { createProgram, runCommand } from './program.ts';
