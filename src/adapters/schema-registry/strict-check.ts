import type { AvroSchema } from '#contracts/core';
import { CodecError, type CodecErrorCode } from './codec-error.ts';

// What avsc lets pass and we do not: fields that the schema lacks (it drops them), missing ones (it writes the default),
// NaN, text that UTF-8 cannot hold. Compiled once per schema, since it runs for every record written.

/** Why a value does not fit; path relative to the value checked, '' for itself. */
export type Fault = { readonly code: CodecErrorCode; readonly path: string; readonly problem: string };
/** null = the value fits. */
export type Check = (value: unknown) => Fault | null;

const SHOWN_CHARACTERS = 80;
const INT_MIN = -0x80000000;
const INT_MAX = 0x7fffffff;
const LONG_MIN = -(2n ** 63n);
const LONG_MAX = 2n ** 63n - 1n;

/** The value, short enough for a message. */
export const shown = (value: unknown): string => {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return `Uint8Array(${value.length})`;
  if (typeof value === 'number' || value === undefined) return String(value);
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    text = Object.prototype.toString.call(value);
  }
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
};

const invalid = (value: unknown, expected: string): Fault => ({ code: 'CODEC_INVALID_VALUE', path: '', problem: `is ${shown(value)}; it must be ${expected}` });
const within = (key: string, fault: Fault): Fault => ({ ...fault, path: fault.path === '' ? key : fault.path.startsWith('[') ? `${key}${fault.path}` : `${key}.${fault.path}` });

const primitive = (holds: (value: unknown) => boolean, expected: string): Check => (value) => (holds(value) ? null : invalid(value, expected));

const CHECKS: Readonly<Record<string, Check>> = {
  null: primitive((value) => value === null, 'null'),
  boolean: primitive((value) => typeof value === 'boolean', 'true or false'),
  int: primitive((value) => Number.isInteger(value) && (value as number) >= INT_MIN && (value as number) <= INT_MAX, 'a whole number of 32 bits'),
  long: primitive(Number.isSafeInteger, 'a whole number within ±(2^53-1), of type number ("chorus:exact" in the schema makes it a bigint of 64 bits)'),
  float: primitive((value) => Number.isFinite(value) && Number.isFinite(Math.fround(value as number)), 'a finite number within the range of 32 bits (±3.4e38)'),
  double: primitive(Number.isFinite, 'a finite number'),
  string: primitive((value) => typeof value === 'string' && value.isWellFormed(), 'a string without lone surrogates'),
  bytes: primitive((value) => value instanceof Uint8Array, 'a Uint8Array'),
};
const EXACT_LONG = primitive((value) => typeof value === 'bigint' && value >= LONG_MIN && value <= LONG_MAX, 'a bigint of 64 bits');

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> => isObject(value) && !Array.isArray(value) && !(value instanceof Uint8Array);

/** Counted without a list of them, as `Object.keys` makes one; that is asked only where something inherited may have been counted. */
const hasKeys = (value: Readonly<Record<string, unknown>>, count: number): boolean => {
  let found = 0;
  for (const _key in value) found++;
  return found === count || Object.keys(value).length === count;
};

type Scope = { readonly namespace: string; readonly named: Map<string, Check>; readonly values: ReadonlySet<string> | null };

const compileRecord = (schema: AvroSchema, scope: Scope): Check => {
  const namespace = typeof schema['namespace'] === 'string' ? schema['namespace'] : scope.namespace;
  const name = String(schema['name']);
  const fullName = name.includes('.') ? name : `${namespace}.${name}`;
  const fields = (schema['fields'] as readonly AvroSchema[]).map((field) => {
    const values = field['chorus:values'];
    const inner: Scope = { ...scope, namespace, values: Array.isArray(values) ? new Set<string>(values) : null };
    return { name: String(field['name']), check: compile(field['type'], inner) };
  });
  const names = fields.map((field) => field.name);
  const checks = fields.map((field) => field.check);
  const declared = new Set(names);
  const check: Check = (value) => {
    if (!isPlain(value)) return invalid(value, `a record ${fullName}`);
    for (let index = 0; index < names.length; index++) {
      const key = names[index] ?? '';
      const item = value[key];
      const fault = checks[index]?.(item) ?? null;
      if (fault === null) continue;
      if (item !== undefined) return within(key, fault);
      return { code: 'CODEC_MISSING_FIELD', path: key, problem: 'is missing; give every declared field, null included' };
    }
    if (hasKeys(value, names.length)) return null;
    const extra = Object.keys(value).find((key) => !declared.has(key)) ?? '';
    return { code: 'CODEC_UNDECLARED_FIELD', path: extra, problem: `is ${shown(value[extra])}, but ${fullName} has no such field (it has ${names.join(', ')}); correct the name or add it to the schema` };
  };
  scope.named.set(fullName, check);
  return check;
};

const compileArray = (schema: AvroSchema, scope: Scope): Check => {
  const item = compile(schema['items'], scope);
  return (value) => {
    if (!Array.isArray(value)) return invalid(value, 'an array');
    for (let index = 0; index < value.length; index++) {
      const fault = item(value[index]);
      if (fault !== null) return within(`[${index}]`, fault);
    }
    return null;
  };
};

const compileMap = (schema: AvroSchema, scope: Scope): Check => {
  const item = compile(schema['values'], scope);
  return (value) => {
    if (!isPlain(value)) return invalid(value, 'a map');
    for (const key of Object.keys(value)) {
      const fault = key.isWellFormed() ? item(value[key]) : invalid(key, 'a key without lone surrogates');
      if (fault !== null) return within(key, fault);
    }
    return null;
  };
};

const compileUnion = (branches: readonly unknown[], scope: Scope): Check => {
  const [first, second] = branches;
  if (branches.length !== 2 || first !== 'null') throw new CodecError({ code: 'CODEC_BAD_SCHEMA', message: `only unions ["null", X] can be written, not ${JSON.stringify(branches)}` });
  const check = compile(second, scope);
  return (value) => (value === null ? null : check(value));
};

const compileNamed = (name: string, scope: Scope): Check => {
  if (name === 'string' && scope.values !== null) {
    const values = scope.values;
    const expected = `one of ${[...values].join(', ')}`;
    return (value) => (typeof value === 'string' && values.has(value) ? null : invalid(value, expected));
  }
  const known = CHECKS[name] ?? scope.named.get(name.includes('.') ? name : `${scope.namespace}.${name}`);
  if (known === undefined) throw new CodecError({ code: 'CODEC_BAD_SCHEMA', message: `type ${name} cannot be written: it is not defined before its use, or not supported` });
  return known;
};

const compile = (type: unknown, scope: Scope): Check => {
  if (typeof type === 'string') return compileNamed(type, scope);
  if (Array.isArray(type)) return compileUnion(type, scope);
  const schema = type as AvroSchema;
  switch (schema['type']) {
    case 'record': return compileRecord(schema, scope);
    case 'array': return compileArray(schema, scope);
    case 'map': return compileMap(schema, scope);
    case 'long': return schema['chorus:exact'] === true ? EXACT_LONG : compileNamed('long', scope);
    default: return compile(schema['type'], scope);
  }
};

/** The check of a whole schema. Throws CODEC_BAD_SCHEMA for what we never write (enums, fixed, other unions). */
export const compileCheck = (schema: AvroSchema): Check => compile(schema, { namespace: '', named: new Map(), values: null });

/** The error for a value that a writer refused. */
export const faultError = (typeName: string, fault: Fault): CodecError => {
  const path = fault.path === '' ? '(the record itself)' : fault.path;
  return new CodecError({ code: fault.code, type: typeName, path: fault.path, message: `${typeName}: ${path} ${fault.problem}` });
};
