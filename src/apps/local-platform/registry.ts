import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { archiveFlags } from './class-archive.ts';
import { LocalPlatformError } from './errors.ts';
import type { Part } from './part.ts';
import type { InstancePaths } from './paths.ts';
import { awaitReady, launchProcess } from './processes.ts';
import type { Toolchain } from './toolchain.ts';

const START_TIMEOUT_MS = 90_000;
const ASK_TIMEOUT_MS = 2_000;
const HEAP_MB = 256;

/** The Confluent-compatible address of a registry on a loopback port. */
export const registryUrl = (port: number): string => `http://127.0.0.1:${String(port)}/apis/ccompat/v7`;

/** Whether a Confluent-compatible registry answers; a refusal to an unnamed caller is an answer too. */
export const registryAnswers = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(`${url.replace(/\/$/, '')}/subjects`, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.ok || response.status === 401 || response.status === 403;
  } catch {
    return false;
  }
};

const runnerJar = (folder: string): string => {
  const jar = readdirSync(folder).find((file) => file.endsWith('-runner.jar'));
  if (jar === undefined) {
    throw new LocalPlatformError('PREREQUISITE_MISSING', `There is no Apicurio runner jar in ${folder}: delete it and run \`node bootstrap/run.mjs fetch\`.`);
  }
  return join(folder, jar);
};

/** Apicurio Registry with its schemas in a file that survives kill -9. */
export const registryPart = (port: number, paths: InstancePaths, toolchain: Toolchain): Part => {
  const url = registryUrl(port);
  const data = join(paths.data, 'registry');
  const settings: Readonly<Record<string, string>> = {
    'quarkus.http.port': String(port),
    'quarkus.http.host': '127.0.0.1',
    // By default Apicurio keeps schemas in memory; without WRITE_DELAY=0 those of the last second are lost by kill -9.
    'quarkus.datasource.jdbc.url': `jdbc:h2:file:${join(data, 'registry')};WRITE_DELAY=0;DB_CLOSE_ON_EXIT=FALSE`,
    'quarkus.log.level': 'WARN',
    'quarkus.log.console.json': 'false',
    'quarkus.banner.enabled': 'false',
  };
  return {
    name: 'registry',
    ports: { registry: port },
    stopSignal: 'SIGTERM',
    answers: () => registryAnswers(url),
    launch: () => {
      mkdirSync(data, { recursive: true });
      return launchProcess({
        name: 'registry',
        command: toolchain.java,
        args: [
          ...archiveFlags({ instance: paths.instance, name: 'registry' }, { java: toolchain.java, jars: toolchain.registryJars }),
          '-Xms64m',
          `-Xmx${String(HEAP_MB)}m`,
          '-XX:+UseSerialGC',
          // A registry is asked a hundred times in its life: the quick compiler alone starts sooner and needs less.
          '-XX:TieredStopAtLevel=1',
          '-XX:+ExitOnOutOfMemoryError',
          ...Object.entries(settings).map(([key, value]) => `-D${key}=${value}`),
          '-cp',
          `${runnerJar(toolchain.registryJars)}:${join(toolchain.registryJars, 'lib', '*')}`,
          'io.quarkus.runner.GeneratedMain',
        ],
        logFile: join(paths.logs, 'registry.log'),
        cwd: paths.root,
        stopSignal: 'SIGTERM',
      });
    },
    ready: (managed) => awaitReady(managed, () => registryAnswers(url), START_TIMEOUT_MS),
  };
};
