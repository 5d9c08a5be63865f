import { type AvroSchema, dataType, envelopeSchema, eventType, type DataType, type EventType } from '#contracts/core';

const record = (name: string, fields: readonly AvroSchema[]): AvroSchema => ({ type: 'record', name, namespace: 'sim', fields });
const event = <Payload>(name: string, fields: readonly AvroSchema[]): EventType<Payload> => eventType(`sim.${name}`, record(name, [{ name: 'envelope', type: envelopeSchema }, ...fields]));

const key: AvroSchema = { name: 'key', type: 'string' };

export type Keyed = { readonly key: string };
/** The trigger of every simulated saga. */
export const opened: EventType<Keyed> = event('opened', [key]);
/** A domain event as a step's outcome. */
export const done: EventType<Keyed> = event('done', [key]);
/** What a watch says of a signal. */
export const noted: EventType<Keyed> = event('noted', [key]);
export const reserve: EventType<Keyed> = event('reserve', [key]);
export const release: EventType<Keyed> = event('release', [key]);
/** Typed output, and what an undo needs. */
export const receipt: DataType<Keyed> = dataType('sim.Receipt', record('Receipt', [key]));
export type Shelf = { readonly holders: readonly string[] };
export const shelf: DataType<Shelf> = dataType('sim.Shelf', record('Shelf', [{ name: 'holders', type: { type: 'array', items: 'string' } }]));

export const simulatedTypes: readonly (EventType<unknown> | DataType<unknown>)[] = [opened, done, noted, reserve, release, receipt, shelf];
