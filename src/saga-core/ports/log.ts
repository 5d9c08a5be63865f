/** Where a participant tells people what happened: one sentence, and the ids and values it is about. */
export type Log = {
  readonly info: (message: string, fields: LogFields) => void;
  readonly warn: (message: string, fields: LogFields) => void;
  readonly error: (message: string, fields: LogFields) => void;
};
/** What a log line names beside its message: ids and values, no secrets. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;
