import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, sha256OfFile, sha256OfText, writeJson } from './files.mjs';
import { ensureVenv, noRoad } from './java.mjs';
import { bootstrapFolder, home } from './paths.mjs';
import { onPath, reason, run } from './programs.mjs';
import { BootstrapError, say, step } from './say.mjs';
import { untar } from './untar.mjs';

const LOCK = join(bootstrapFolder, 'jars.lock.json');
const FOLDER = join(home, 'jars');
const STAMP = join(FOLDER, 'stamp.json');
const COPY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy';

const sizesIn = (folder) =>
  readdirSync(folder, { recursive: true }).map(String).filter((name) => name.endsWith('.jar')).sort()
    .map((name) => `${name} ${statSync(join(folder, name)).size}`);

/** Names and sizes of all jars as one hash: quick to look at, and changes with any that is lost or cut short. */
const fingerprint = (names) => sha256OfText(names.flatMap((name) => sizesIn(join(FOLDER, name))).join('\n'));

const inPlace = (lockText, names) => {
  const stamp = readJson(STAMP);
  return stamp?.lock === sha256OfText(lockText) && names.every((name) => existsSync(join(FOLDER, name))) && stamp.files === fingerprint(names);
};

const item = ({ coordinate, file }) => {
  const [group, name, version, classifier, packaging] = coordinate.split(':');
  const extra = classifier === undefined ? '' : `<classifier>${classifier}</classifier><type>${packaging}</type>`;
  return `<artifactItem><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version>${extra}<destFileName>${file}</destFileName></artifactItem>`;
};

/** Road (a): Maven, told every artifact by name; it decides nothing. */
const byMaven = async (artifacts, folder, java) => {
  const pom = join(folder, 'pom.xml');
  writeFileSync(pom, `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>chorus</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
<build><plugins><plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.6.1</version>
<configuration><outputDirectory>${folder}</outputDirectory><artifactItems>${artifacts.map(item).join('\n')}</artifactItems></configuration>
</plugin></plugins></build></project>\n`);
  const env = process.env.JAVA_HOME === undefined || java.startsWith(process.env.JAVA_HOME) ? process.env : { ...process.env, JAVA_HOME: '' };
  const { ok, output } = await run(onPath('mvn'), ['-q', '-B', '-f', pom, COPY_PLUGIN], { env });
  rmSync(pom, { force: true });
  return ok ? undefined : reason(output);
};

/** Road (b): the resolver from PyPI. */
const byPython = async (artifacts, folder, python) => {
  const cache = join(home, 'maven');
  const order = JSON.stringify({ folder, cache, artifacts });
  const { ok, output } = await run(python, [join(bootstrapFolder, 'fetch_jars.py')], { input: order });
  rmSync(cache, { recursive: true, force: true });
  return ok ? undefined : reason(output);
};

const fetchAll = async (artifacts, folder, toolchain) => {
  if (toolchain.own && onPath('mvn') !== undefined) {
    const fault = await step(`fetching ${artifacts.length} files of Kafka and Apicurio Registry with Maven (190 MB)`, () => byMaven(artifacts, folder, toolchain.java));
    if (fault === undefined) return;
    say(`Maven failed: ${fault}`);
  }
  const python = await ensureVenv();
  if (python === undefined) throw new BootstrapError(onPath('mvn') === undefined ? noRoad : 'Maven could not fetch the jars (see above) and there is no Python 3.10+ to try instead: check the network, then run it again.');
  const fault = await step(`fetching ${artifacts.length} files of Kafka and Apicurio Registry with jgo (190 MB)`, () => byPython(artifacts, folder, python));
  if (fault !== undefined) throw new BootstrapError(`the jars could not be fetched: ${fault}`);
};

const verify = async (artifact, folder) => {
  const file = join(folder, artifact.file);
  if (!existsSync(file)) throw new BootstrapError(`${artifact.coordinate} was not fetched: check the network, then run it again.`);
  const actual = await sha256OfFile(file);
  if (actual === artifact.sha256) return;
  throw new BootstrapError(
    `${artifact.coordinate} is not the file that bootstrap/jars.lock.json names (SHA-256 ${actual} instead of ${artifact.sha256}): nothing was installed; check your Maven mirror.`,
  );
};

const install = async (lock, toolchain) => {
  const fresh = join(home, 'jars.new');
  rmSync(fresh, { recursive: true, force: true });
  const download = join(fresh, 'download');
  mkdirSync(download, { recursive: true });
  const artifacts = Object.values(lock).flat();
  await fetchAll(artifacts, download, toolchain);
  for (const [name, members] of Object.entries(lock)) {
    const folder = join(fresh, name);
    mkdirSync(folder, { recursive: true });
    for (const artifact of members) {
      await verify(artifact, download);
      if (artifact.unpack) await untar(join(download, artifact.file), folder);
      else renameSync(join(download, artifact.file), join(folder, artifact.file));
    }
  }
  rmSync(download, { recursive: true, force: true });
  rmSync(FOLDER, { recursive: true, force: true });
  renameSync(fresh, FOLDER);
};

/** All jars of bootstrap/jars.lock.json in .chorus/jars, each checked against its SHA-256 when it was fetched. */
export const ensureJars = async (toolchain) => {
  const lockText = readFileSync(LOCK, 'utf8');
  const lock = JSON.parse(lockText);
  const names = Object.keys(lock);
  if (inPlace(lockText, names)) return;
  await install(lock, toolchain);
  writeJson(STAMP, { lock: sha256OfText(lockText), files: fingerprint(names) });
};
