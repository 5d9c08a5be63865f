import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the checkout. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Everything that is downloaded or written at run time; may be deleted when nothing runs. */
export const home = process.env.CHORUS_HOME ?? join(root, '.chorus');

export const bootstrapFolder = join(root, 'bootstrap');
