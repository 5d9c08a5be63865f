import type { Command } from 'commander';
import { createReadModels } from '#adapters/postgres';
import { mermaidSequence, timelineText } from '#apps/saga-diagram';
import { type ReadRecord, readSaga } from '#apps/saga-reader';
import type { Connection } from '#apps/worker';
import { erase, parseSagaId } from '#kernel';
import type { SagaDefinition, StartOf } from '#saga-core';
import { createClient, type OperatorOrder, type SagaClient } from '#saga-core/runtime';
import { describeSaga, mermaidStates, renderSaga } from '../describe.ts';
import { withConnection, withDatabase } from '../environment.ts';
import { INSTANCE_STATUSES, instancesOf, renderInstance } from '../instance-view.ts';
import { loginName } from '../login-name.ts';
import { bytesOf, jsonOf, signalPayload } from '../input.ts';
import { answer, CommandFailed, jsonText, type OutputOptions, table, WrongUse } from '../output.ts';
import { CONTEXTS, sagaOfType, SAGAS } from '../sagas.ts';

/** As the read models have them: PENDING until the first step was begun. */
const LISTED_STATUSES = ['PENDING', ...INSTANCE_STATUSES] as const;
const WATCH_EVERY_MS = 1_000;
const LIST_MAX = 100;

/** A saga's id as the user wrote it; anything that cannot be one is wrong use, told before anything is connected. */
const requireId = (id: string, where: string): string => {
  if (parseSagaId(id).ok) return id;
  throw new WrongUse(`${where} ${JSON.stringify(id)}: an id is 1 to 32 of A-Z, a-z, 0-9, _ and -`);
};

const withClient = <Result>(work: (client: SagaClient, connection: Connection) => Promise<Result>): Promise<Result> =>
  withConnection(async (connection) => {
    const { log, codec, clock, random, namespace } = connection;
    const client = createClient({ log, codec, clock, random, namespace, name: 'chorus-cli' });
    try {
      return await work(client, connection);
    } finally {
      await client.close();
    }
  });

const recordsOf = async (connection: Connection, id: string): Promise<readonly ReadRecord[]> => {
  for (const context of CONTEXTS) {
    const records = await readSaga(connection, context, id);
    if (records.length > 0) return records;
  }
  throw new CommandFailed(`no saga has the id ${id} in namespace ${connection.namespace}`);
};

/** The definition of the root instance. */
const definitionOf = (records: readonly ReadRecord[], id: string): SagaDefinition => {
  const type = records.find(({ envelope }) => envelope.sagaType !== null)?.envelope.sagaType;
  const saga = SAGAS.find((candidate) => candidate.type === type);
  if (saga === undefined) throw new CommandFailed(`saga ${id} is of type ${String(type)}, which this build does not know`);
  return saga;
};

type StartOptions = OutputOptions & { readonly input: string; readonly id?: string; readonly wait?: boolean };
const start = (type: string, options: StartOptions): Promise<void> => {
  const saga = sagaOfType(type);
  if (options.id !== undefined) requireId(options.id, '--id');
  const input = erase<StartOf<SagaDefinition>>(jsonOf(options.input, bytesOf(options.input)));
  return withClient(async (client) => {
    const handle = await client.start(saga, input, options.id === undefined ? {} : { id: options.id });
    const result = options.wait === true ? await handle.result() : null;
    answer(options, { correlationId: handle.correlationId, type, result }, () => (result === null ? handle.correlationId : `${handle.correlationId}  ${result.status}${result.reason === null ? '' : `  ${result.reason}`}${result.result === null ? '' : `  ${jsonText(result.result)}`}`));
    if (result !== null && result.status !== 'COMPLETED') process.exitCode = 1;
  });
};

type SignalOptions = OutputOptions & { readonly input?: string; readonly type?: string };
const signal = (id: string, name: string, options: SignalOptions): Promise<void> => {
  requireId(id, 'saga signal');
  const payload = options.input === undefined ? null : signalPayload(bytesOf(options.input), { file: options.input, type: options.type ?? name });
  return withClient(async (client, connection) => {
    await client.signal(definitionOf(await recordsOf(connection, id), id), id, name, payload);
    answer(options, { correlationId: id, signal: name }, () => `${name} told to ${id}`);
  });
};

const statusOf = (text: string | undefined): string | undefined => {
  const status = text?.toUpperCase();
  if (status === undefined || LISTED_STATUSES.some((known) => known === status)) return status;
  throw new WrongUse(`--status ${String(text)}: there are ${LISTED_STATUSES.join(', ').toLowerCase()}`);
};

type ListOptions = OutputOptions & { readonly type?: string; readonly status?: string; readonly since?: string; readonly symbol?: string; readonly limit: string };
const list = (options: ListOptions): Promise<void> => {
  const since = options.since === undefined ? null : Date.parse(options.since);
  if (since !== null && Number.isNaN(since)) throw new WrongUse(`--since ${String(options.since)}: an ISO-8601 time is expected`);
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1) throw new WrongUse(`--limit ${options.limit}: a whole number above zero is expected`);
  const status = statusOf(options.status);
  return withDatabase(async (database, namespace) => {
    const where = Object.fromEntries([['type', options.type], ['status', status], ['symbol', options.symbol]].flatMap(([name, value]) => (name === undefined || value === undefined ? [] : [[name, value]])));
    const rows = await createReadModels({ database, namespace }).select({
      table: 'sagas', where, ...(since === null ? {} : { since: { column: 'started_at', value: since } }), orderBy: [{ column: 'started_at', direction: 'desc' }], limit,
    });
    const cell = (value: unknown): string => (value === null || value === undefined ? '' : value instanceof Date ? value.toISOString() : String(value));
    answer(options, rows, () => table(['id', 'type', 'status', 'symbol', 'started', 'reason'], rows.map((row) => ['saga_id', 'type', 'status', 'symbol', 'started_at', 'failure_reason'].map((name) => cell(row[name])))));
  });
};

type ShowOptions = OutputOptions & { readonly mermaid?: boolean; readonly watch?: boolean };
const render = (records: readonly ReadRecord[], options: ShowOptions): void => {
  const instances = instancesOf(records, SAGAS);
  answer(options, { instances, records, ...(options.mermaid === true ? { mermaid: mermaidSequence(records) } : {}) }, () =>
    options.mermaid === true ? mermaidSequence(records) : `${instances.map(renderInstance).join('\n')}\n\n${timelineText(records)}`.trimEnd());
};
const show = (id: string, options: ShowOptions): Promise<void> =>
  withConnection(async (connection) => {
    let shown = 0;
    for (;;) {
      const records = await recordsOf(connection, id);
      if (records.length > shown) render(records, options);
      shown = records.length;
      const root = instancesOf(records, SAGAS).find(({ subSaga }) => subSaga === null);
      if (options.watch !== true || root?.status === 'COMPLETED' || root?.status === 'FAILED' || root?.status === 'REFUSED') return;
      await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_MS));
    }
  });

const describe = (type: string, options: OutputOptions & { readonly mermaid?: boolean }): void => {
  const description = describeSaga(sagaOfType(type));
  const mermaid = mermaidStates(description);
  answer(options, { ...description, mermaid }, () => (options.mermaid === true ? mermaid : renderSaga(description)));
};

type OrderOptions = OutputOptions & { readonly step?: string; readonly item?: string; readonly subSaga?: string; readonly reason: string; readonly as?: string };
const order = (action: OperatorOrder['action']) => (id: string, options: OrderOptions): Promise<void> =>
  withClient(async (client, connection) => {
    const saga = definitionOf(await recordsOf(connection, id), id);
    const { step, item, subSaga, reason } = options;
    const user = options.as ?? loginName();
    if (subSaga !== undefined && !SAGAS.some(({ type }) => type === subSaga)) throw new WrongUse(`--sub-saga ${subSaga}: there is no such saga type`);
    await client.order(saga, id, { action, user, reason, ...(step === undefined ? {} : { step }), ...(item === undefined ? {} : { stepItem: item }), ...(subSaga === undefined ? {} : { subSaga }) });
    answer(options, { correlationId: id, action, step: step ?? null, user, reason }, () => `${action} ordered for ${id}${step === undefined ? '' : `, step ${step}`} by ${user}; where it does not apply it is void`);
  });

const ORDERS: Readonly<Record<OperatorOrder['action'], string>> = {
  retry: 'try a quarantined compensation again',
  skip: 'count a quarantined step as compensated by you',
  compensate: 'stop a running saga and undo what it did',
  resolve: 'declare everything that is left done by hand',
};
const isAction = (name: string): name is OperatorOrder['action'] => Object.hasOwn(ORDERS, name);

export const addSagaCommands = (program: Command): void => {
  const saga = program.command('saga').description('start, watch and mend sagas');
  saga.command('start').argument('<type>').description('start a saga; prints its id').requiredOption('--input <file>', 'JSON of the start event, - for standard input')
    .option('--id <correlationId>', 'the same id starts once').option('--wait', 'wait for its end; exit 1 unless it completed').option('--json', 'answer as JSON').action(start);
  saga.command('signal').argument('<id>').argument('<name>').description('tell a running saga something').option('--input <file>', 'JSON of the payload, - for standard input; or bytes in Confluent wire format, passed on as they are')
    .option('--type <type>', 'event or typed data whose schema encodes the JSON; default: the signal\'s name').option('--json', 'answer as JSON').action(signal);
  saga.command('list').description('sagas by the read models, newest first').option('--type <type>').option('--status <status>', LISTED_STATUSES.join(', ').toLowerCase()).option('--since <time>', 'ISO-8601').option('--symbol <symbol>')
    .option('--limit <count>', 'at most so many', String(LIST_MAX)).option('--json', 'answer as JSON').action(list);
  saga.command('show').argument('<id>').description('timeline of a saga and what is left to do, from its records').option('--mermaid', 'its sequence diagram').option('--watch', 'show again until it has ended')
    .option('--json', 'answer as JSON').action(show);
  saga.command('describe').argument('<type>').description('steps, owners, limits and compensations of a saga type').option('--mermaid', 'only the state diagram').option('--json', 'answer as JSON').action(describe);
  for (const action of Object.keys(ORDERS).filter(isAction)) {
    saga.command(action).argument('<id>').description(ORDERS[action]).option('--step <step>').option('--item <item>', 'one item of the step').option('--sub-saga <type>', 'the sub-saga under this id that is meant')
      .requiredOption('--reason <text>').option('--as <name>', 'who orders it; default: the login name').option('--json', 'answer as JSON').action(order(action));
  }
};
