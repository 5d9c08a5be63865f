import { commonBehaviorFault, type Fault, type JsonRecord, recordOf, textOf, wholeOf } from '../support/index.ts';

/** The standing behaviour, in its wire form; merged by POST /admin/behavior. */
export const DEFAULT_BEHAVIOR: JsonRecord = {
  completion_response: { type: 'success' },
  should_drop_connection: false,
  drop_phase: 'after_effect',
  delay_millis: 0,
};

/** What is wrong with a behaviour; null: nothing. */
export const behaviorProblem = (behavior: JsonRecord): string | null => {
  for (const name of Object.keys(behavior)) if (!(name in DEFAULT_BEHAVIOR)) return `no behaviour ${name}`;
  if (wholeOf(behavior['delay_millis'], 0) === null) return 'delay_millis must be a whole number of milliseconds';
  const type = recordOf(behavior['completion_response'])['type'];
  return type === 'success' || type === 'error' || type === 'none' ? null : 'completion_response.type must be success, error or none';
};

/** An error as both vendors shape it. */
export const errorBody = (status: number): unknown => {
  const error = (type: string, code: string | null, message: string): unknown => ({ error: { message, type, param: null, code } });
  if (status === 401) return error('invalid_request_error', 'invalid_api_key', 'Incorrect API key provided.');
  if (status === 429) return error('requests', 'rate_limit_exceeded', 'Rate limit reached for requests.');
  if (status >= 500) return error('server_error', null, 'The server had an error while processing your request.');
  return error('invalid_request_error', null, `simulated error ${status}`);
};

export const behaviorFaultOf = (behavior: JsonRecord): Fault | null => {
  const response = recordOf(behavior['completion_response']);
  const delayMs = wholeOf(behavior['delay_millis'], 0) ?? 0;
  if (response['type'] === 'none') return { kind: 'silent', phase: 'before_effect', delayMs };
  if (response['type'] !== 'error') return commonBehaviorFault(behavior);
  const status = wholeOf(response['status'], 400) ?? 500;
  const retryAfter = textOf(response['retry_after_seconds']);
  return { kind: 'answer', status, body: undefined, text: null, headers: retryAfter === null ? {} : { 'retry-after': retryAfter }, effect: false, delayMs };
};

/** The text that the standing behaviour puts in place of a decision; null: decide. */
export const behaviorContent = (behavior: JsonRecord): string | null => textOf(recordOf(behavior['completion_response'])['content']);
