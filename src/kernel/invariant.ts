/** We are wrong, not the world: never caught for control flow. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

/** Stops on a state that the types say cannot be. */
export const assertNever = (value: never, context: string): never => {
  throw new InvariantViolation(`${context}: unexpected ${JSON.stringify(value)}`);
};

/** Stops where a claim that we made ourselves does not hold; afterwards the compiler knows that it does. */
export const invariant: (condition: boolean, message: string) => asserts condition = (condition, message) => {
  if (!condition) throw new InvariantViolation(message);
};
