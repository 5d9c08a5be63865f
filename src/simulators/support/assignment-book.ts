import { isRecord, textOf, wholeOf } from './json.ts';

/** What a value is handed out for: a key (null if the request has none) and a symbol. */
export type AssignmentTarget = { readonly keys: readonly string[]; readonly symbol: string | null };

/** Values handed out to requests or orders by key and symbol, in the order they were given, each as often as it was given. */
export type AssignmentBook<Value> = {
  /** Reads {key?, symbol?, times? (default 1, null: for ever), [field]}; false if unreadable. */
  readonly add: (rule: unknown) => boolean;
  readonly take: (target: AssignmentTarget) => Value | null;
  readonly clear: () => void;
};

type Rule<Value> = { readonly key: string | null; readonly symbol: string | null; readonly value: Value; remaining: number | null };

export const createAssignmentBook = <Value>(field: string, parse: (value: unknown) => Value | null): AssignmentBook<Value> => {
  let rules: Rule<Value>[] = [];
  return {
    add: (rule) => {
      if (!isRecord(rule)) return false;
      const value = parse(rule[field]);
      if (value === null) return false;
      const remaining = rule['times'] === null ? null : (wholeOf(rule['times'], 1) ?? 1);
      rules.push({ key: textOf(rule['key']), symbol: textOf(rule['symbol']), value, remaining });
      return true;
    },
    take: ({ keys, symbol }) => {
      const found = rules.find((rule) => (rule.key === null || keys.includes(rule.key)) && (rule.symbol === null || rule.symbol === symbol));
      if (found === undefined) return null;
      if (found.remaining !== null) found.remaining -= 1;
      rules = rules.filter((rule) => rule.remaining !== 0);
      return found.value;
    },
    clear: () => {
      rules = [];
    },
  };
};
