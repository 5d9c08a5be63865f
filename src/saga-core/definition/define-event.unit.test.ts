import { expect, test } from '@jest/globals';
import { createInMemoryCodec } from '#adapters/schema-registry';
import { EMPTY_ENVELOPE } from '#saga-core/runtime';
import { defineEvent } from './define-event.ts';

test('an event declared by its fields goes through the codec and comes back', async () => {
  const measured = defineEvent('weather.station.measured', { station: 'string', celsius: 'double', at: 'time', raw: 'bytes', valid: 'boolean', price: 'decimal', count: 'int', total: 'long' });
  const codec = createInMemoryCodec();
  await codec.prepare([measured]);
  const payload = { station: 'north', celsius: -1.5, at: 1_700_000_000_000, raw: Uint8Array.of(1, 2), valid: true, price: '1.25', count: 3, total: 4 };
  const bytes = codec.encode(measured, { ...EMPTY_ENVELOPE, eventId: 'e1', occurredAt: 1, producer: 'test', chain: { id: 'e1', seq: 1, prevHash: null } }, payload);
  const decoded = codec.decode(bytes);
  if (decoded.status !== 'decoded') throw new Error(decoded.status);
  expect(decoded.type).toBe('weather.station.measured');
  expect(decoded.payload()).toMatchObject({ station: 'north', celsius: -1.5, at: 1_700_000_000_000, valid: true, price: '1.25', count: 3, total: 4 });
});

test.each(['measured', '', 'a..b', '1.b', 'a.b-c'])('the name %p is refused', (name) => {
  expect(() => defineEvent(name, {})).toThrow('must be dotted');
});
