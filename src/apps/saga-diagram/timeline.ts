import { summaryOf } from '#projections/sagas';
import { inOrder, type SagaRecord, shortName, slotOf } from './saga-record.ts';

const elapsed = (ms: number): string => {
  const sign = ms < 0 ? '-' : '+';
  const whole = Math.abs(ms);
  return `${sign}${Math.floor(whole / 1000)}.${String(whole % 1000).padStart(3, '0')}s`;
};

type Line = readonly [at: string, writer: string, type: string, slot: string, summary: string];

const lineOf = (record: SagaRecord, startedAtMs: number): Line => {
  const { envelope } = record;
  const slot = slotOf(record);
  const place = [envelope.subSaga ?? '', slot].filter((part) => part !== '').join(' · ');
  const isOutcome = envelope.outcome === 'completed' ? ' ✔' : '';
  // The step is told beside it already.
  const summary = summaryOf(record.payload);
  const shown = envelope.stepName !== null && summary.startsWith(envelope.stepName) ? summary.slice(envelope.stepName.length).replace(/^, /, '') : summary;
  return [elapsed(envelope.occurredAt - startedAtMs), envelope.producer, `${shortName(record.type)}${isOutcome}`, place, shown];
};

/** One line per record: elapsed time, writer, event (✔ marks a step's outcome), step, and what it says. Empty for no records. */
export const timelineText = (records: readonly SagaRecord[]): string => {
  const ordered = inOrder(records).filter((record) => record.type !== 'ops.PartitionClaimed');
  const startedAtMs = ordered[0]?.envelope.occurredAt ?? 0;
  const lines = ordered.map((record) => lineOf(record, startedAtMs));
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) => `${line.map((part, column) => part.padEnd(widths[column] ?? 0)).join('  ').trimEnd()}\n`).join('');
};
