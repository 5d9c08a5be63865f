/** The answer of a fallible pure function: a value, or a reason why there is none. */
export type Result<Value, Fault> = Ok<Value> | Err<Fault>;
/** There is a value. */
export type Ok<Value> = { readonly ok: true; readonly value: Value };
/** There is none, and `fault` says why. */
export type Err<Fault> = { readonly ok: false; readonly fault: Fault };

/** An answer with a value. */
export const ok = <Value>(value: Value): Ok<Value> => ({ ok: true, value });
/** An answer without one, and why. */
export const err = <Fault>(fault: Fault): Err<Fault> => ({ ok: false, fault });
