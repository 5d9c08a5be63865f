import { erase } from '#kernel';
import { ConfigError } from './config-error.ts';

type Settings = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Settings => typeof value === 'object' && value !== null && !Array.isArray(value);
const kindOf = (value: unknown): string => (value === null || value === undefined ? 'nothing' : Array.isArray(value) ? 'a list' : isRecord(value) ? 'a group of settings' : JSON.stringify(value));

/** One group of a settings file, read key by key; every complaint names the file and the path. */
export class SettingsReader {
  readonly #values: Settings;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    if (value !== null && value !== undefined && !isRecord(value)) throw new ConfigError(where, `a group of settings is expected, got ${kindOf(value)}`);
    this.#values = value ?? {};
    this.#where = where;
  }

  /** Refuses keys that mean nothing: a misspelt setting must not silently keep its default. */
  only(names: readonly string[]): this {
    const unknown = Object.keys(this.#values).find((name) => !names.includes(name));
    if (unknown !== undefined) throw new ConfigError(this.at(unknown), `there is no such setting; there are ${names.join(', ')}`);
    return this;
  }

  at(name: string): string {
    return this.#where.endsWith(': ') ? `${this.#where}${name}` : `${this.#where}.${name}`;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== null;
  }

  text(name: string): string {
    const value = this.#values[name];
    if (typeof value === 'string' && value !== '') return value;
    throw new ConfigError(this.at(name), `a text is expected, got ${kindOf(value)}`);
  }

  textOr<Fallback>(name: string, fallback: Fallback): string | Fallback {
    return this.has(name) ? this.text(name) : fallback;
  }

  flagOr(name: string, fallback: boolean): boolean {
    const value = this.#values[name] ?? fallback;
    if (typeof value === 'boolean') return value;
    throw new ConfigError(this.at(name), `true or false is expected, got ${kindOf(value)}`);
  }

  texts(name: string): readonly string[] {
    const value = this.#values[name] ?? [];
    if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value;
    throw new ConfigError(this.at(name), `a list of texts is expected, got ${kindOf(value)}`);
  }

  groups(name: string): readonly SettingsReader[] {
    const value = this.#values[name] ?? [];
    if (!Array.isArray(value)) throw new ConfigError(this.at(name), `a list is expected, got ${kindOf(value)}`);
    return value.map((entry, index) => new SettingsReader(entry, `${this.at(name)}[${index}]`));
  }

  group(name: string): SettingsReader {
    return new SettingsReader(this.#values[name], this.at(name));
  }

  /** Replaces those of `defaults` that are given; their kinds must agree and no others exist. */
  over<Defaults extends object>(defaults: Defaults): Defaults {
    const fallback = erase<Settings>(defaults);
    this.only(Object.keys(fallback));
    const merged = Object.fromEntries(Object.entries(fallback).map(([name, value]) => {
      if (!this.has(name)) return [name, value];
      if (isRecord(value)) return [name, this.group(name).over(value)];
      return [name, this.#like(name, value)];
    }));
    return erase<Defaults>(merged);
  }

  #number(name: string, fallback: number): number {
    const value = this.#values[name];
    // Where the default is whole (milliseconds, counts, permille) nothing else makes sense; a multiplier may be 1.5.
    const isWhole = Number.isSafeInteger(fallback) && name !== 'multiplier';
    if (typeof value === 'number' && value >= 0 && (isWhole ? Number.isSafeInteger(value) : Number.isFinite(value))) return value;
    throw new ConfigError(this.at(name), `a ${isWhole ? 'whole ' : ''}number that is not negative is expected, got ${kindOf(value)}`);
  }

  #like(name: string, fallback: unknown): unknown {
    const value = this.#values[name];
    if (typeof fallback === 'number') return this.#number(name, fallback);
    // Decimals are texts; a number is taken as it was written.
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof fallback === 'string' && typeof text === 'string' && /^\d+(\.\d+)?$/.test(text)) return text;
    throw new ConfigError(this.at(name), `a decimal number is expected, got ${kindOf(value)}`);
  }
}
