import { isRecord, textOf, wholeOf } from './json.ts';

export type FaultPhase = 'before_effect' | 'after_effect';

/** What a simulator does with one request. The effect happens on receipt; `delayMs` holds back the answer (or the drop). */
export type Fault =
  | { readonly kind: 'none'; readonly delayMs: number }
  /** A canned answer; the effect happens only if `effect`. Without a body the vendor's own error shape is used. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body: unknown;
      readonly text: string | null;
      readonly headers: Readonly<Record<string, string>>;
      readonly effect: boolean;
      readonly delayMs: number;
    }
  /** The connection is cut. */
  | { readonly kind: 'drop'; readonly phase: FaultPhase; readonly delayMs: number }
  /** The connection stays open and nothing is ever answered; after_effect is the lost answer. */
  | { readonly kind: 'silent'; readonly phase: FaultPhase; readonly delayMs: number };

export const NO_FAULT: Fault = { kind: 'none', delayMs: 0 };

export const errorFault = (status: number, body?: unknown): Fault => ({
  kind: 'answer', status, body, text: null, headers: {}, effect: false, delayMs: 0,
});

const headersOf = (value: unknown): Readonly<Record<string, string>> => {
  const headers: Record<string, string> = {};
  if (isRecord(value)) for (const [name, text] of Object.entries(value)) headers[name] = String(text);
  return headers;
};

const phaseOf = (value: unknown): FaultPhase => (value === 'before_effect' ? 'before_effect' : 'after_effect');

/**
 * Reads a fault from its wire form: a bare status (2xx means: act normally), or an object with one of `status`
 * (+ `body`, `text`, `headers`, `effect`), `body`/`text` alone (a canned body, with the effect), `drop`, `lost` (answer lost
 * after the effect), `silent` (no effect, no answer), and `delay_millis`. null: not a fault.
 */
export const parseFault = (value: unknown): Fault | null => {
  if (typeof value === 'number') return statusFault(value);
  if (!isRecord(value)) return null;
  const delayMs = wholeOf(value['delay_millis'], 0) ?? 0;
  if (value['drop'] !== undefined) return { kind: 'drop', phase: phaseOf(value['drop']), delayMs };
  if (value['lost'] === true) return { kind: 'silent', phase: 'after_effect', delayMs };
  if (value['silent'] === true) return { kind: 'silent', phase: 'before_effect', delayMs };
  const status = wholeOf(value['status'], 100);
  const hasBody = value['body'] !== undefined || value['text'] !== undefined;
  if (status === null && !hasBody) return { kind: 'none', delayMs };
  const isBareSuccess = status !== null && status < 300 && !hasBody;
  if (isBareSuccess) return { kind: 'none', delayMs };
  return {
    kind: 'answer',
    status: status ?? 200,
    body: value['body'],
    text: textOf(value['text']),
    headers: headersOf(value['headers']),
    effect: value['effect'] === true || (status === null && value['effect'] !== false),
    delayMs,
  };
};

const statusFault = (status: number): Fault | null => {
  if (!Number.isInteger(status) || status < 100 || status > 599) return null;
  return status < 300 ? NO_FAULT : errorFault(status);
};

/** What a fault may be aimed at. `key` is the vendor's idea of identity: client order id, order id, or symbol@asOf. */
export type FaultTarget = { readonly route: string; readonly keys: readonly string[]; readonly symbol: string | null };

type FaultRule = {
  readonly route: string | null;
  readonly key: string | null;
  readonly symbol: string | null;
  readonly fault: Fault;
  /** null: for ever. */
  remaining: number | null;
};

/** Rules in the order they were added; the first that matches and is not used up decides. */
export type FaultBook = {
  /** Adds one rule from its wire form; false if it cannot be read. */
  readonly add: (value: unknown) => boolean;
  readonly take: (target: FaultTarget) => Fault | null;
  readonly list: () => readonly unknown[];
  readonly clear: () => void;
};

const matches = (rule: FaultRule, target: FaultTarget): boolean =>
  rule.remaining !== 0 &&
  (rule.route === null || rule.route === target.route) &&
  (rule.key === null || target.keys.includes(rule.key)) &&
  (rule.symbol === null || rule.symbol === target.symbol);

export const createFaultBook = (): FaultBook => {
  let rules: FaultRule[] = [];
  return {
    add: (value) => {
      if (!isRecord(value)) return false;
      const fault = parseFault(value['fault']);
      if (fault === null) return false;
      rules.push({
        route: textOf(value['route']), key: textOf(value['key']), symbol: textOf(value['symbol']),
        fault, remaining: value['times'] === null ? null : (wholeOf(value['times'], 1) ?? 1),
      });
      return true;
    },
    take: (target) => {
      const rule = rules.find((candidate) => matches(candidate, target));
      if (rule === undefined) return null;
      if (rule.remaining !== null) rule.remaining -= 1;
      rules = rules.filter((candidate) => candidate.remaining !== 0);
      return rule.fault;
    },
    list: () => rules.map((rule) => ({ ...rule })),
    clear: () => {
      rules = [];
    },
  };
};
