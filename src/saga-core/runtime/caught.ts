import { err, ok, type Result } from '#kernel';

/** What went wrong, and, where something was thrown, that. */
export type Fault = { readonly reason: string; readonly cause?: unknown };

/** What a function of somebody else says, or what it threw: a handler's fault is its step's, never the task's. */
export const tried = <Answer>(ask: () => Answer): Result<Answer, Fault> => {
  try {
    return ok(ask());
  } catch (error) {
    return err({ reason: messageOf(error), cause: error });
  }
};

/** The same, of a fault only its message. */
export const caught = <Answer>(ask: () => Answer): Result<Answer, string> => {
  const made = tried(ask);
  return made.ok ? made : err(made.fault.reason);
};

/** It travels in records and headers. */
const MESSAGE_CHARACTERS_MAX = 2_000;

/** The message of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, MESSAGE_CHARACTERS_MAX);
