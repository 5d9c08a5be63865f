// What the bootstrap tells people, on standard error so that --json output stays clean.

/** A fault in one line that says what is missing or wrong and what to do. */
export class BootstrapError extends Error {}

/** One line of progress. */
export const say = (line) => {
  process.stderr.write(`chorus: ${line}\n`);
};

/** Runs `work`, telling what is being done and how long it took. */
export const step = async (what, work) => {
  const began = performance.now();
  say(`${what} …`);
  const result = await work();
  say(`${what}: done in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return result;
};
