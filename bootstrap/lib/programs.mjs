import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const isProgram = (file) => {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
};

/** The full path of a program on the PATH, or undefined. */
export const onPath = (name) =>
  (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '').map((folder) => join(folder, name)).find(isProgram);

/** Runs a program to its end, silently; its output comes back. */
export const run = (command, args, options = {}) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd: options.cwd, env: options.env ?? process.env, stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk) => {
      output = (output + chunk.toString()).slice(-200_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.stdin.on('error', () => undefined); // It ended without reading; its exit code tells.
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
    child.stdin.end(options.input ?? '');
  });

/** Runs a program that answers at once; its output, or undefined when it failed. */
export const ask = (command, args) => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 });
  return status === 0 ? `${stdout}${stderr}` : undefined;
};

const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** The line of a failed program's output that says most. */
export const reason = (output) => {
  const lines = output.replace(COLOURS, '').split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const telling = lines.find((line) => /ENOSPC|No space left/.test(line)) ?? lines.find((line) => /\berror\b|failed|cannot|could not/i.test(line));
  return (telling ?? lines.at(-1) ?? 'it said nothing').slice(0, 400);
};
