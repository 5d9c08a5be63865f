/** The answer of a fallible pure function: a value, or a reason why there is none. */
export type Result<Value, Fault> = Ok<Value> | Err<Fault>;
export type Ok<Value> = { readonly ok: true; readonly value: Value };
export type Err<Fault> = { readonly ok: false; readonly fault: Fault };

export const ok = <Value>(value: Value): Ok<Value> => ({ ok: true, value });
export const err = <Fault>(fault: Fault): Err<Fault> => ({ ok: false, fault });
