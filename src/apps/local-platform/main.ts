// `node --conditions=chorus:source src/apps/local-platform/main.ts up|down|status [--instance NAME]`: the platform without the CLI.
import { parseArgs } from 'node:util';
import { LocalPlatformError } from './errors.ts';
import { ALL_PARTS } from './options.ts';
import { down, status, upDetached } from './up.ts';

const USAGE = 'usage: main.ts up|down|status [--instance NAME] [--brokers 1|3] [--heap-mb N] [--parts kafka,registry,database]';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    instance: { type: 'string', default: 'local' },
    brokers: { type: 'string', default: '1' },
    'heap-mb': { type: 'string', default: '1024' },
    parts: { type: 'string', default: ALL_PARTS.join(',') },
  },
});

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const up = async (): Promise<number> => {
  const began = performance.now();
  const wanted = values.parts.split(',');
  const platform = await upDetached({
    instance: values.instance,
    brokers: values.brokers === '3' ? 3 : 1,
    parts: ALL_PARTS.filter((part) => wanted.includes(part)),
    kafka: { heapMb: Number(values['heap-mb']) },
  });
  say(`kafka     ${platform.kafka.join(',')}`);
  say(`registry  ${platform.registry}`);
  say(`database  ${platform.database}`);
  const how = platform.started.length === 0 ? 'was running' : `started ${platform.started.join(', ')}`;
  say(`${how}; ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return 0;
};

const showStatus = async (): Promise<number> => {
  const parts = await status(values.instance);
  for (const part of parts) {
    say(`${part.name.padEnd(10)}${part.answers ? 'answers' : part.isRunning ? 'silent ' : 'ended  '}  pid ${String(part.pid)}  ${part.address}`);
  }
  if (parts.length === 0) say('nothing runs');
  return parts.length > 0 && parts.every((part) => part.answers) ? 0 : 1;
};

const stop = async (): Promise<number> => {
  const names = await down(values.instance);
  say(names.length === 0 ? 'nothing ran' : `stopped ${names.join(', ')}`);
  return 0;
};

const commands: Readonly<Record<string, () => Promise<number>>> = { up, down: stop, status: showStatus };
const command = commands[positionals[0] ?? ''];
if (command === undefined) {
  process.stderr.write(`${USAGE}\n`);
  process.exit(2);
}
try {
  process.exit(await command());
} catch (error) {
  process.stderr.write(`${error instanceof LocalPlatformError ? `${error.code}: ${error.message}` : String(error instanceof Error ? error.stack : error)}\n`);
  process.exit(1);
}
