import type { AvroSchema } from '#contracts/core';

/** The first thing about a value that its schema does not allow; `path` names the field, '' is the value itself. */
export type ValueFault = { readonly path: string; readonly problem: string };
/** null = the value fits. */
export type ValueCheck = (value: unknown) => ValueFault | null;

type Scope = { readonly namespace: string; readonly named: Map<string, ValueCheck>; readonly allowed: readonly unknown[] | null };

const INT_MAX = 0x7fffffff;
const EXACT_LONG_MAX = 2n ** 63n - 1n;

const must = (holds: (value: unknown) => boolean, expected: string): ValueCheck => (value) => (holds(value) ? null : { path: '', problem: `must be ${expected}` });

const PRIMITIVES: Readonly<Record<string, ValueCheck>> = {
  null: must((value) => value === null, 'null'),
  boolean: must((value) => typeof value === 'boolean', 'true or false'),
  int: must((value) => Number.isInteger(value) && Math.abs(Number(value)) <= INT_MAX + (Number(value) < 0 ? 1 : 0), 'a whole number of 32 bits'),
  long: must(Number.isSafeInteger, 'a whole number that a JavaScript number holds exactly'),
  float: must(Number.isFinite, 'a finite number'),
  double: must(Number.isFinite, 'a finite number'),
  string: must((value) => typeof value === 'string' && value.isWellFormed(), 'a string without lone surrogates'),
  bytes: must((value) => value instanceof Uint8Array, 'a Uint8Array'),
};
const exactLong = must((value) => typeof value === 'bigint' && value <= EXACT_LONG_MAX && value >= -EXACT_LONG_MAX - 1n, 'a bigint of 64 bits');

const within = (key: string, fault: ValueFault | null): ValueFault | null => {
  if (fault === null) return null;
  const isIndexed = fault.path.startsWith('[');
  return { ...fault, path: fault.path === '' ? key : `${key}${isIndexed ? '' : '.'}${fault.path}` };
};

export const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

const isSchema = (value: unknown): value is AvroSchema => isPlainObject(value);

/** The declared fields of a record schema. */
export const fieldsOf = (schema: AvroSchema): readonly AvroSchema[] => {
  const { fields } = schema;
  return Array.isArray(fields) ? fields.filter(isSchema) : [];
};

const qualified = (name: string, namespace: string): string => (name.includes('.') || namespace === '' ? name : `${namespace}.${name}`);

const recordCheck = (schema: AvroSchema, scope: Scope): ValueCheck => {
  const namespace = typeof schema['namespace'] === 'string' ? schema['namespace'] : scope.namespace;
  const fields = new Map<string, ValueCheck>();
  const check: ValueCheck = (value) => {
    if (!isPlainObject(value)) return { path: '', problem: 'must be a record' };
    for (const [name, field] of fields) {
      const item = value[name];
      if (item === undefined) return { path: name, problem: 'is missing: every declared field must be given, null included' };
      const fault = within(name, field(item));
      if (fault !== null) return fault;
    }
    const stranger = Object.keys(value).find((name) => !fields.has(name));
    return stranger === undefined ? null : { path: stranger, problem: `is not a field of ${String(schema['name'])}` };
  };
  // Known before its fields are: a record may contain itself.
  scope.named.set(qualified(String(schema['name']), namespace), check);
  for (const field of fieldsOf(schema)) {
    const allowed = field['chorus:values'];
    fields.set(String(field['name']), compile(field['type'], { ...scope, namespace, allowed: Array.isArray(allowed) ? allowed : null }));
  }
  return check;
};

const listCheck = (item: ValueCheck): ValueCheck => (value) => {
  if (!Array.isArray(value)) return { path: '', problem: 'must be an array' };
  for (const [index, element] of value.entries()) {
    const fault = within(`[${index}]`, item(element));
    if (fault !== null) return fault;
  }
  return null;
};

const mapCheck = (item: ValueCheck): ValueCheck => (value) => {
  if (!isPlainObject(value)) return { path: '', problem: 'must be a map' };
  for (const [key, element] of Object.entries(value)) {
    const fault = within(key, item(element));
    if (fault !== null) return fault;
  }
  return null;
};

const namedCheck = (name: string, scope: Scope): ValueCheck => {
  const { allowed } = scope;
  if (name === 'string' && allowed !== null) return must((value) => allowed.includes(value), `one of ${allowed.join(', ')}`);
  const primitive = PRIMITIVES[name];
  if (primitive !== undefined) return primitive;
  const full = qualified(name, scope.namespace);
  if (!scope.named.has(full)) throw new Error(`schema type ${name} is not defined before its use`);
  return (value) => scope.named.get(full)?.(value) ?? null;
};

const unionCheck = (branches: readonly unknown[], scope: Scope): ValueCheck => {
  const checks = branches.map((branch) => compile(branch, scope));
  return (value) => {
    let last: ValueFault | null = null;
    for (const check of checks) {
      const fault = check(value);
      if (fault === null) return null;
      last = fault;
    }
    return last;
  };
};

const compile = (type: unknown, scope: Scope): ValueCheck => {
  if (typeof type === 'string') return namedCheck(type, scope);
  if (Array.isArray(type)) return unionCheck(type, scope);
  if (!isSchema(type)) throw new Error(`not an Avro type: ${JSON.stringify(type)}`);
  switch (type['type']) {
    case 'record': return recordCheck(type, scope);
    case 'array': return listCheck(compile(type['items'], scope));
    case 'map': return mapCheck(compile(type['values'], scope));
    default: return type['chorus:exact'] === true ? exactLong : compile(type['type'], scope);
  }
};

/** Compiles a schema once. Throws where the schema itself is wrong. */
export const compileValueCheck = (schema: AvroSchema): ValueCheck => compile(schema, { namespace: '', named: new Map(), allowed: null });
