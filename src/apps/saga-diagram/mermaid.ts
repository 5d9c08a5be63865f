import { inOrder, type SagaRecord, shortName, slotOf, textOf } from './saga-record.ts';

const LABEL_LENGTH_MAX = 90;
/** Records that say nothing to people that the next one does not say. */
const UNTOLD: ReadonlySet<string> = new Set(['ops.PartitionClaimed']);
const ENDS: ReadonlySet<string> = new Set(['chorus.SagaCompleted', 'chorus.SagaFailed', 'chorus.SagaRefused']);

/** Mermaid ends a line at `;`, reads `#` as an entity and `<` as markup. */
const label = (text: string): string => {
  const plain = text.replace(/[;#<>\r\n]/g, ' ').replace(/\s+/g, ' ').trim();
  return plain.length > LABEL_LENGTH_MAX ? `${plain.slice(0, LABEL_LENGTH_MAX - 1)}…` : plain;
};

const lifelineId = (name: string): string => name.replace(/[^A-Za-z0-9]/g, '_');

/** Who acted on a record: the writers of the records that name it as their cause. */
const readersOf = (records: readonly SagaRecord[]): ReadonlyMap<string, readonly string[]> => {
  const readers = new Map<string, Set<string>>();
  for (const { envelope } of records) {
    if (envelope.causationId === null) continue;
    const known = readers.get(envelope.causationId) ?? new Set<string>();
    readers.set(envelope.causationId, known);
    known.add(envelope.producer);
  }
  return new Map([...readers].map(([eventId, producers]) => [eventId, [...producers]]));
};

const venueOf = (record: SagaRecord): string | null => (record.type === 'chorus.BrokerObservationRecorded' ? textOf(record, 'venue') : null);

/** Lifelines in the order in which they first appear. */
const lifelinesOf = (records: readonly SagaRecord[]): readonly { readonly name: string; readonly kind: 'participant' | 'actor' }[] => {
  const names = new Map<string, 'participant' | 'actor'>();
  for (const record of records) {
    if (UNTOLD.has(record.type)) continue;
    const venue = venueOf(record);
    if (!names.has(record.envelope.producer)) names.set(record.envelope.producer, 'participant');
    if (venue !== null && !names.has(venue)) names.set(venue, 'actor');
  }
  return [...names].map(([name, kind]) => ({ name, kind }));
};

const told = (...parts: readonly string[]): string => label(parts.filter((part) => part !== '').join(' '));
const reasoned = (what: string, reason: string): string => (reason === '' ? what : `${what}: ${reason}`);

type Drawn = { readonly arrow: string; readonly text: string };

const isSet = (record: SagaRecord, name: string): boolean => textOf(record, name) === 'true';
const isUndoing = (record: SagaRecord): boolean => textOf(record, 'phase') === 'compensate';

/** How lifecycle records are drawn between lifelines: forward solid, undoing dashed, failure with a cross. */
const DRAWN: Readonly<Record<string, (record: SagaRecord) => Drawn>> = {
  'chorus.StepCompleted': (record) => ({ arrow: '->>', text: told(slotOf(record), isSet(record, 'skipped') ? reasoned('skipped', textOf(record, 'skipReason')) : 'completed') }),
  'chorus.StepStarted': (record) => ({ arrow: isUndoing(record) ? '-->>' : '->>', text: told(slotOf(record), isUndoing(record) ? 'undo started' : 'started') }),
  'chorus.StepFailed': (record) => ({ arrow: '-x', text: told(slotOf(record), reasoned('failed', textOf(record, 'reason'))) }),
  'chorus.CompensationRequested': (record) => ({ arrow: '-->>', text: told(reasoned('compensate', textOf(record, 'reason'))) }),
  'chorus.CompensationCompleted': (record) => ({ arrow: '-->>', text: told(slotOf(record), isSet(record, 'kept') ? 'kept' : 'undone') }),
  'chorus.CompensationFailed': (record) => ({ arrow: '--x', text: told(slotOf(record), reasoned('cannot be undone', textOf(record, 'reason'))) }),
};
const domainEvent = (record: SagaRecord): Drawn => ({ arrow: '->>', text: told(shortName(record.type), itemOf(record)) });
const itemOf = ({ envelope }: SagaRecord): string => (envelope.stepItem === null ? '' : `(${envelope.stepItem})`);

const NOTES: Readonly<Record<string, (record: SagaRecord) => string>> = {
  'chorus.StepAttemptFailed': (record) => told(slotOf(record), `${textOf(record, 'phase') === 'compensate' ? 'undo ' : ''}attempt ${textOf(record, 'attempt')} failed`, textOf(record, 'cause')),
  'chorus.SagaStarted': (record) => told(textOf(record, 'sagaType'), 'started'),
  'chorus.SagaQuarantined': (record) => told('MANUAL REQUIRED', slotOf(record), textOf(record, 'reason')),
  'chorus.InstanceParked': (record) => told('parked', textOf(record, 'reason')),
  'ops.operator.action': (record) => told(`operator ${textOf(record, 'user')}`, textOf(record, 'action'), textOf(record, 'reason')),
};

const endNote = (record: SagaRecord, lifelines: readonly { readonly name: string }[]): string => {
  const over = [lifelines[0], lifelines.at(-1)].flatMap((lifeline) => (lifeline === undefined ? [] : [lifelineId(lifeline.name)]));
  const type = record.envelope.subSaga ?? record.envelope.sagaType ?? '';
  const state = record.type === 'chorus.SagaCompleted' ? 'COMPLETED' : record.type === 'chorus.SagaFailed' ? 'FAILED' : 'REFUSED';
  return `Note over ${[...new Set(over)].join(',')}: ${told(type, reasoned(state, textOf(record, 'reason')))}`;
};

const linesOf = (record: SagaRecord, readers: readonly string[]): readonly string[] => {
  const { producer } = record.envelope;
  const from = lifelineId(producer);
  const venue = venueOf(record);
  if (venue !== null) return [`${lifelineId(venue)}-)${from}: ${told(textOf(record, 'kind'), itemOf(record))}`];
  const note = NOTES[record.type];
  if (note !== undefined) return [`Note over ${from}: ${note(record)}`];
  const { arrow, text } = (DRAWN[record.type] ?? domainEvent)(record);
  const others = readers.filter((reader) => reader !== producer);
  return (others.length === 0 ? [producer] : others).map((to) => `${from}${arrow}${lifelineId(to)}: ${text}`);
};

/** One shade from the first request to undo until the last instance that is undone has ended. */
class Shade {
  readonly #undoing = new Set<string>();

  get indent(): string {
    return this.#undoing.size > 0 ? '  ' : '';
  }

  before(record: SagaRecord): readonly string[] {
    const instance = record.envelope.subSaga ?? '';
    if (record.type === 'chorus.CompensationRequested') {
      const isFirst = this.#undoing.size === 0;
      this.#undoing.add(instance);
      return isFirst ? ['  rect rgba(220, 80, 60, 0.12)'] : [];
    }
    return ENDS.has(record.type) && this.#undoing.delete(instance) ? this.#undoing.size === 0 ? ['  end'] : [] : [];
  }

  end(): readonly string[] {
    return this.#undoing.size > 0 ? ['  end'] : [];
  }
}

/**
 * The sequence diagram of one saga as it ran, in Mermaid: every record an arrow from who wrote it to those who acted on it
 * (by their causation ids), to itself where nobody did; attempts as notes, what was undone dashed and shaded.
 */
export const mermaidSequence = (records: readonly SagaRecord[]): string => {
  const ordered = inOrder(records);
  const readers = readersOf(ordered);
  const lifelines = lifelinesOf(ordered);
  const lines = ['sequenceDiagram', ...lifelines.map(({ name, kind }) => `  ${kind} ${lifelineId(name)} as ${label(name)}`)];
  const shade = new Shade();
  for (const record of ordered) {
    if (UNTOLD.has(record.type)) continue;
    lines.push(...shade.before(record));
    const drawn = ENDS.has(record.type) ? [endNote(record, lifelines)] : linesOf(record, readers.get(record.envelope.eventId) ?? []);
    lines.push(...drawn.map((line) => `  ${shade.indent}${line}`));
  }
  return `${[...lines, ...shade.end()].join('\n')}\n`;
};
