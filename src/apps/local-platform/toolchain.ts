import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { LocalPlatformError } from './errors.ts';
import { chorusHome } from './paths.ts';

/** The Java program and the folders of jars that the bootstrap put in place. */
export type Toolchain = { readonly java: string; readonly kafkaJars: string; readonly registryJars: string };

const HOW_TO_GET = 'run `node bootstrap/run.mjs fetch` (it installs everything into .chorus/)';

const recordedJava = (file: string): string | undefined => {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof parsed === 'object' && parsed !== null && 'java' in parsed && typeof parsed.java === 'string' && existsSync(parsed.java)
      ? parsed.java
      : undefined;
  } catch {
    return undefined; // Not bootstrapped yet.
  }
};

const findJava = (): string => {
  const recorded = recordedJava(join(chorusHome(), 'toolchain.json'));
  if (recorded !== undefined) return recorded;
  const home = process.env['JAVA_HOME'];
  const folders = [...(home === undefined ? [] : [join(home, 'bin')]), ...(process.env['PATH'] ?? '').split(delimiter)];
  const found = folders.filter((folder) => folder !== '').map((folder) => join(folder, 'java')).find((file) => existsSync(file));
  if (found === undefined) throw new LocalPlatformError('PREREQUISITE_MISSING', `There is no Java 17 or newer: ${HOW_TO_GET}.`);
  return found;
};

/** Finds Java and the jars; what is missing is named with the command that installs it. */
export const findToolchain = (): Toolchain => {
  const kafkaJars = join(chorusHome(), 'jars', 'kafka');
  const registryJars = join(chorusHome(), 'jars', 'apicurio');
  for (const folder of [kafkaJars, registryJars]) {
    if (!existsSync(folder)) throw new LocalPlatformError('PREREQUISITE_MISSING', `There are no jars in ${folder}: ${HOW_TO_GET}.`);
  }
  return { java: findJava(), kafkaJars, registryJars };
};
