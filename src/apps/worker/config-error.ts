/** A setting that is missing or wrong. The message is one line that says what, where and what to do; it never holds a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'CONFIG_INVALID';

  constructor(where: string, what: string) {
    super(`${where}: ${what}`);
  }
}
