import { expect, test } from '@jest/globals';
import { completed, data, dataType, defineParticipant, defineSaga, event, implementAwait, initiate, none, sagaSignalled, signalOf } from '#saga-core';
import type { Codec } from '#saga-core/ports';
import type { SagaClient, SignalPayload } from '#saga-core/runtime';
import { asked, begun, CONTEXT, names, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';

// What an await step makes of the payload of a signal: types that no definition names, and that its worker may never have met.

const approval = dataType<{ readonly by: string }>('stage.Approval', { type: 'record', name: 'Approval', namespace: 'stage', fields: [{ name: 'by', type: 'string' }] });
const NOBODYS = Uint8Array.from([0, 0, 0, 0, 99, 1]);
type Heard = { readonly payloads: readonly (Uint8Array | null)[]; readonly isClosed: boolean };

/** Collects payloads until the signal `close`, and then tells who has approved or asked. */
const saga = defineSaga({
  type: 'hears', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 1, result: 'wait', completed: { emits: null }, failed: { emits: null },
  steps: { wait: { kind: 'await', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: 0, onLimit: 'fail', listensTo: [sagaSignalled], compensation: none('only waits') } },
});
const alone = defineParticipant({
  name: 'alone', initiates: [initiate(saga)],
  steps: [implementAwait(saga, 'wait', {
    initial: { payloads: [], isClosed: false },
    fold: ({ payloads, isClosed }: Heard, fact): Heard => {
      const said = signalOf(fact);
      return said === null || said.signal === 'close' ? { payloads, isClosed: said !== null } : { payloads: [...payloads, said.payload], isClosed };
    },
    verdict: ({ payloads, isClosed }, { read }) =>
      (isClosed ? completed(event(told, { text: payloads.map((bytes) => read(approval, bytes)?.by ?? read(asked, bytes)?.text ?? 'nobody').join(' ') })) : null),
  })],
});

const open = () => RuntimeStage.open({ participants: [alone], types: [approval] });
/** An instance that has been told these. */
const begunWith = async (stage: RuntimeStage, id: string, payloads: readonly SignalPayload[]): Promise<SagaClient> => {
  const client = stage.client();
  await stage.settled(client.start(saga, { text: 'a' }, { id }));
  for (const payload of payloads) await stage.settled(client.signal(saga, id, 'tell', payload));
  return client;
};
const closed = async (stage: RuntimeStage, client: SagaClient, id: string): Promise<string | undefined> => {
  await stage.settled(client.signal(saga, id, 'close'));
  return (await stage.settled(client.handle(saga, id).result())).result?.text;
};

test('a verdict reads what a client signalled: typed data, events, and nothing in what is of another type or nobody\'s', async () => {
  const stage = await open();
  await stage.start();
  const client = await begunWith(stage, 's', [data(approval, { by: 'ann' }), event(asked, { text: 'bob' }), event(told, { text: 'another type' }), NOBODYS, new Uint8Array()]);
  expect(await closed(stage, client, 's')).toBe('ann bob nobody nobody nobody');
});

test('a worker that has never met the type\'s schema fetches it', async () => {
  const stage = await open();
  await stage.start({ codec: await stage.newCodec([approval]) });
  const client = await begunWith(stage, 's', [data(approval, { by: 'ann' })]);
  expect(await closed(stage, client, 's')).toBe('ann');
});

test('while the registry is out of reach the signal is not folded, and read again until it answers', async () => {
  const stage = await open();
  const codec = await stage.newCodec([approval]);
  let isReachable = false;
  const hidden: Codec = { ...codec, learn: (schemaId) => (isReachable ? codec.learn(schemaId) : Promise.reject(Object.assign(new Error('REGISTRY_UNREACHABLE: no answer'), { code: 'REGISTRY_UNREACHABLE' }))) };
  await stage.start({ codec: hidden });
  const client = await begunWith(stage, 's', [data(approval, { by: 'ann' })]);
  await stage.settled(client.signal(saga, 's', 'close'));
  await stage.clock.advance(2_000);
  expect(stage.types('s')).not.toContain('told wait');
  isReachable = true;
  expect((await stage.settled(client.handle(saga, 's').result())).result?.text).toBe('ann');
});

test('so does one that takes over from a checkpoint, behind the record that brought the bytes', async () => {
  const stage = await open();
  const { process } = await stage.start({ limits: { positionIntervalMs: 100, checkpointWindowMs: 1_000 } });
  const client = await begunWith(stage, 'long', [data(approval, { by: 'ann' })]);
  await stage.clock.advance(2_000);
  const [signal] = await stage.until(sagaSignalled);
  // Somebody else passes by, so that the position moves, and the checkpoint is written with it.
  await stage.settled(client.start(saga, { text: 'a' }, { id: 'other' }));
  expect(await closed(stage, client, 'other')).toBe('');
  await stage.clock.advance(2_000);
  const position = await stage.settled(stage.cluster.connect('probe').log.committedPosition(names.group('alone'), { topic: names.saga(CONTEXT), partition: 0 }));
  expect(Number(/\d+/.exec(position?.metadata ?? '')?.[0])).toBeGreaterThan(signal?.offset ?? Number.NaN);
  process.kill();
  await stage.clock.advance(11_000);
  await stage.start({ codec: await stage.newCodec([approval]) });
  expect(await closed(stage, client, 'long')).toBe('ann');
});
