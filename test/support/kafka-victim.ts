// A group member in a process of its own, for tests that kill it: prints every assignment as one line of JSON.
import { createKafkaEventLog } from '#adapters/kafka';
import type { GroupToJoin } from '#saga-core/ports';

const { brokers, group } = JSON.parse(process.argv[2] ?? '{}') as { readonly brokers: readonly string[]; readonly group: GroupToJoin };

const log = createKafkaEventLog({ brokers, clientId: 'victim' });
await log.join(group, {
  onAssigned: (assignment) => console.log(JSON.stringify(assignment)),
  onLost: () => undefined,
  beforeRejoin: () => Promise.resolve(),
});
