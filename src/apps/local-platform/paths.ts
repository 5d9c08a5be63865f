import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where everything of one local instance lies. */
export type InstancePaths = {
  readonly instance: string;
  readonly root: string;
  readonly logs: string;
  readonly data: string;
  readonly state: string;
  readonly lock: string;
};

// The same number of folders up from src/apps/local-platform and from dist/apps/local-platform.
const PROJECT_ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** The folder of the project's checkout. */
export const projectRoot = (): string => PROJECT_ROOT;

/** `.chorus/` of the checkout, or `CHORUS_HOME`: tools, jars, data and logs; safe to delete when nothing runs. */
export const chorusHome = (): string => process.env['CHORUS_HOME'] ?? join(PROJECT_ROOT, '.chorus');

/** The file that tells every tool where the platform started by `up` answers. */
export const localFile = (): string => join(chorusHome(), 'local.json');

const INSTANCE_NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;

/** The folders of an instance; a name is 1 to 40 of a-z, 0-9 and `-`. */
export const instancePaths = (instance: string): InstancePaths => {
  if (!INSTANCE_NAME.test(instance)) {
    throw new TypeError(`Instance name '${instance}' is not 1 to 40 characters of a-z, 0-9 and '-', starting with a letter or digit.`);
  }
  const root = join(chorusHome(), instance);
  return {
    instance,
    root,
    logs: join(root, 'logs'),
    data: join(root, 'data'),
    state: join(root, 'state.json'),
    lock: join(root, 'lock'),
  };
};
