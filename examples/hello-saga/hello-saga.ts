// Runs the saga of trip.ts on Kafka, for a traveller and for nobody.
import { connect, createWorker } from 'chorus';
import { travel, trip } from './trip.ts';

const { KAFKA_BROKERS = '', SCHEMA_REGISTRY_URL = '', CHORUS_NAMESPACE = 'hello' } = process.env;
const at = { brokers: KAFKA_BROKERS.split(','), registryUrl: SCHEMA_REGISTRY_URL, namespace: CHORUS_NAMESPACE };
const worker = createWorker({ participants: [travel], kafka: { brokers: at.brokers }, registry: { url: at.registryUrl }, namespace: at.namespace, provision: { partitions: 1 } });
await worker.start();
const client = connect(at);
for (const traveller of ['Ada', '']) {
  const handle = await client.start(trip, { traveller, seats: 2 });
  console.log(`${traveller || 'nobody'}: ${(await handle.result()).status}`);
}
await client.close();
await worker.stop();
