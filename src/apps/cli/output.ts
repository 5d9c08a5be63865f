/** A failure that is told in one line; exit code 1. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}
/** A command that was called wrongly; exit code 2. */
export class WrongUse extends Error {
  override readonly name = 'WrongUse';
}

export type OutputOptions = { readonly json?: boolean };

/** JSON of any decoded value: bigints become text, bytes base64. */
export const jsonText = (value: unknown): string =>
  JSON.stringify(value, (_name, member: unknown) => (typeof member === 'bigint' ? member.toString() : member instanceof Uint8Array ? Buffer.from(member).toString('base64') : member));

/** What a command answers: one JSON value with --json, text for people otherwise. */
export const answer = (options: OutputOptions, value: unknown, text: () => string): void => {
  process.stdout.write(`${options.json === true ? jsonText(value) : text()}\n`);
};

/** Rows as aligned columns. */
export const table = (header: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [header, ...rows].map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n');
};
