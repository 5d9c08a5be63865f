// A projector in a process of its own, to be killed: prints a line when it runs.
import { createDatabase } from '#adapters/postgres';
import { createKafkaEventLog } from '#adapters/kafka';
import { createSchemaCodec } from '#adapters/schema-registry';
import { allProjections, createProjector } from '#apps/projector';
import { allDataTypes, allEventTypes } from '#contracts';

type Given = { readonly kafka: readonly string[]; readonly registry: string; readonly database: string; readonly namespace: string };

const given = JSON.parse(process.argv[2] ?? '{}') as Given;
const projector = createProjector({
  log: createKafkaEventLog({ brokers: given.kafka, clientId: 'victim' }),
  codec: createSchemaCodec({ registryUrl: given.registry, topicsOf: () => [], autoRegister: false, knownTypes: [...allEventTypes, ...allDataTypes] }),
  database: createDatabase({ url: given.database }),
  namespace: given.namespace,
  projections: allProjections,
});
await projector.start();
process.stdout.write('started\n');
