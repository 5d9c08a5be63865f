import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

// Goal: each compiler zone, lint rule, import rule and architecture check refuses what it is there to refuse.
// Method: scripts/prove-rules.mjs plants a violation of each into a small project under our own settings.

const PROVER_TIMEOUT_MS = 300_000;
const root = join(import.meta.dirname, '..', '..');

test('every rule bites', async () => {
  const args = ['--conditions=chorus:source', '--disable-warning=ExperimentalWarning', join('scripts', 'prove-rules.mjs')];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, timeout: PROVER_TIMEOUT_MS }).catch((error: unknown) => error as { readonly stdout: string });
  expect(stdout).toMatch(/^\d{3,} proven, 0 not, in [\d.]+ s\n$/);
}, PROVER_TIMEOUT_MS);
