import { commonBehaviorFault, errorFault, type Fault, type FaultTarget, isRecord, type JsonRecord, recordOf, textOf, wholeOf } from '../support/index.ts';
import type { FillScript } from './engine-types.ts';
import { parseScript } from './script.ts';

const EFFECT_ROUTES: ReadonlySet<string> = new Set(['submit_order', 'cancel_order', 'cancel_all_orders', 'close_position']);

/** The standing behaviour, in its wire form; merged by POST /admin/behavior. */
export const DEFAULT_BEHAVIOR: JsonRecord = {
  place_order_response: { type: 'success' },
  cancel_order_response: { type: 'success' },
  should_drop_connection: false,
  drop_phase: 'after_effect',
  delay_millis: 0,
  ack_after_millis: 0,
  cancel_confirmed_after_millis: 0,
  fill_script: null,
};

/** What is wrong with a behaviour; null: nothing. */
export const behaviorProblem = (behavior: JsonRecord): string | null => {
  for (const name of Object.keys(behavior)) if (!(name in DEFAULT_BEHAVIOR)) return `no behaviour ${name}`;
  for (const name of ['delay_millis', 'ack_after_millis', 'cancel_confirmed_after_millis']) {
    if (wholeOf(behavior[name], 0) === null) return `${name} must be a whole number of milliseconds`;
  }
  if (behavior['fill_script'] !== null && parseScript(behavior['fill_script']) === null) return 'fill_script cannot be read';
  for (const name of ['place_order_response', 'cancel_order_response']) {
    const type = recordOf(behavior[name])['type'];
    if (type !== 'success' && type !== 'error' && type !== 'none') return `${name}.type must be success, error or none`;
  }
  return null;
};

const responseFault = (response: unknown): Fault | null => {
  if (!isRecord(response) || response['type'] === 'success') return null;
  if (response['type'] === 'none') return { kind: 'silent', phase: 'before_effect', delayMs: 0 };
  const status = wholeOf(response['status'], 400) ?? 500;
  return errorFault(status, { code: response['code'] ?? status * 100_000, message: textOf(response['message']) ?? `simulated error ${status}` });
};

/** Order and cancel answers first, then drops (effect routes only), then the delay (all routes). */
export const behaviorFaultOf = (behavior: JsonRecord, target: FaultTarget): Fault | null => {
  const delayMs = wholeOf(behavior['delay_millis'], 0) ?? 0;
  const response = target.route === 'submit_order' ? behavior['place_order_response']
    : target.route === 'cancel_order' ? behavior['cancel_order_response'] : null;
  const fault = responseFault(response);
  if (fault !== null) return { ...fault, delayMs };
  return commonBehaviorFault(EFFECT_ROUTES.has(target.route) ? behavior : { delay_millis: delayMs });
};

export const behaviorScript = (behavior: JsonRecord): FillScript | null =>
  behavior['fill_script'] === null ? null : parseScript(behavior['fill_script']);

export const behaviorOrderId = (behavior: JsonRecord): string | null => textOf(recordOf(behavior['place_order_response'])['order_id']);
