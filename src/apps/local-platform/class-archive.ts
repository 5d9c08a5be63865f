// A JVM spends half of its start on loading classes. An archive of those it loaded last time (class data sharing) saves
// that: Kafka and the registry start in half the time. Gathering it costs the registry three seconds at its start and both
// some seconds at their end, so the very first run, which somebody waits for, and a busy machine are spared: the archive is
// written at the end of a later run.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { chorusHome } from './paths.ts';

const folder = (): string => join(chorusHome(), 'class-archives');
const draftSuffix = (instance: string, part: string): string => `.${instance}.${part}.draft`;

/** Changes with the JVM and with the jars; an archive of others would be refused by the JVM. */
const keyOf = (java: string, jars: string): string =>
  createHash('sha256')
    .update(JSON.stringify([java, statSync(java).mtimeMs, jars, ...readdirSync(jars).sort().map((name) => [name, statSync(join(jars, name)).mtimeMs])]))
    .digest('hex')
    .slice(0, 16);

/** JVM flags that use the archive of earlier runs or, where there is none yet, may write a draft of one at the end. */
export const archiveFlags = (
  part: { readonly instance: string; readonly name: string },
  using: { readonly java: string; readonly jars: string },
): readonly string[] => {
  const key = keyOf(using.java, using.jars);
  const archive = join(folder(), `${key}.jsa`);
  if (existsSync(archive)) return [`-XX:SharedArchiveFile=${archive}`, '-Xshare:auto'];
  mkdirSync(folder(), { recursive: true });
  const seen = join(folder(), `${key}.seen`);
  if (!existsSync(seen)) {
    writeFileSync(seen, '');
    return [];
  }
  if (loadavg().some((load) => load > availableParallelism())) return [];
  const draft = join(folder(), `${key}${draftSuffix(part.instance, part.name)}`);
  rmSync(draft, { force: true });
  return [`-XX:ArchiveClassesAtExit=${draft}`, '-Xshare:auto', '-Xlog:cds=off', '-Xlog:cds+dynamic=off', '-Xlog:class+path=off'];
};

/** After a part's orderly end its draft is whole and becomes the archive; one that was cut short is thrown away. */
export const settleDraft = (instance: string, part: string, endedOrderly: boolean): void => {
  if (!existsSync(folder())) return;
  for (const name of readdirSync(folder()).filter((each) => each.endsWith(draftSuffix(instance, part)))) {
    const draft = join(folder(), name);
    if (endedOrderly) renameSync(draft, join(folder(), `${name.slice(0, name.indexOf('.'))}.jsa`));
    else rmSync(draft, { force: true });
  }
};
