import { expect, test } from '@jest/globals';
import { classifyError, retryAfterMsOf } from './classify.ts';

const NOW_MS = Date.parse('2024-05-01T12:00:00Z');

test('Retry-After is read as seconds, as an HTTP date, and in milliseconds where given', () => {
  expect(retryAfterMsOf(new Headers({ 'retry-after': '1.5' }), NOW_MS)).toBe(1_500);
  expect(retryAfterMsOf(new Headers({ 'retry-after': 'Wed, 01 May 2024 12:00:20 GMT' }), NOW_MS)).toBe(20_000);
  expect(retryAfterMsOf(new Headers({ 'retry-after': '9', 'retry-after-ms': '250' }), NOW_MS)).toBe(250);
  expect(retryAfterMsOf(new Headers({ 'retry-after': 'Wed, 01 May 2024 11:00:00 GMT' }), NOW_MS)).toBe(0);
  expect(retryAfterMsOf(new Headers({ 'retry-after': 'soon' }), NOW_MS)).toBeNull();
  expect(retryAfterMsOf(undefined, NOW_MS)).toBeNull();
});

test('errors of either SDK are told apart by shape', () => {
  expect(classifyError({ status: 529, message: 'overloaded' })).toEqual({ status: 'server_error', httpStatus: 529, reason: 'overloaded' });
  expect(classifyError({ status: 404, message: 'no model', error: { error: { code: 'model_not_found' } } })).toEqual({
    status: 'refused', httpStatus: 404, code: 'model_not_found', reason: 'no model',
  });
  expect(classifyError({ status: 400, message: 'bad', code: 'bad_request' })).toMatchObject({ status: 'refused', code: 'bad_request' });
  expect(classifyError('boom')).toEqual({ status: 'connection_lost', reason: 'boom' });
});
