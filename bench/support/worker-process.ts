// A process of its own with the benchmark's participants, as they run beside their clients in production. Started by `run-sagas.ts`.
import { createKafkaEventLog } from '#adapters/kafka';
import { createWorker, systemClock, systemRandom } from '#saga-core/runtime';
import { participants } from './five-steps.ts';
import { codecOf, type Target } from './run-sagas.ts';

const [brokers = '', registryUrl = '', namespace = ''] = process.argv.slice(2);
const target: Target = { brokers: brokers.split(','), registryUrl };
const log = createKafkaEventLog({ brokers: [...target.brokers], clientId: 'chorus-bench' });
const worker = createWorker({ participants: participants(), log, codec: await codecOf(target, namespace), clock: systemClock, random: systemRandom, namespace });
await worker.start();
process.on('disconnect', () => void worker.stop().then(() => log.close()).then(() => process.exit(0)));
process.send?.('live');
