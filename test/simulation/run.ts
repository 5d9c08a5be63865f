// Replays one seed, or runs a range: node --conditions=chorus:source test/simulation/run.ts FROM [TO] [--records] [--trace]
import { simulate } from './support/world.ts';

const [from = '1', to = from] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const isVerbose = process.argv.includes('--records');
const started = performance.now();
let bad = 0;
for (let seed = Number(from); seed <= Number(to); seed++) {
  const result = await simulate(seed, process.argv.includes('--trace') ? { trace: (line) => console.log(line) } : {});
  if (from === to) console.log(JSON.stringify({ ...result, records: undefined, violations: undefined }));
  if (isVerbose) {
    for (const { partition, offset, type, envelope, payload } of result.records) {
      console.log(`${partition}/${offset}`.padEnd(7), `${envelope.correlationId ?? '-'}`.padEnd(8), type.padEnd(32), `${envelope.stepName ?? ''}`.padEnd(8), envelope.producer.padEnd(8), `@${envelope.occurredAt - Date.UTC(2026, 0, 5, 14, 30)}`, JSON.stringify(payload).slice(0, 160));
    }
  }
  if (result.violations.length === 0) continue;
  bad++;
  console.log(`seed ${seed}:`);
  for (const { invariant, instance, message } of result.violations.slice(0, 10)) console.log(`  ${invariant} ${instance ?? ''}: ${message}`);
}
console.log(`${Number(to) - Number(from) + 1} seeds, ${bad} bad, ${((performance.now() - started) / 1000).toFixed(1)} s`);
