import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

// Reads schemas/**/*.avsc, checks the house rules (schemas/README.md) and expands references, so that every
// schema stands alone: any Confluent client can read a record with nothing but its schema id.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** One .avsc file. `kind` tells what is generated from it: a token with a payload, a data token, or the envelope itself. */
export type SchemaFile = {
  readonly path: string;
  readonly folder: string;
  readonly fullName: string;
  readonly kind: 'event' | 'data' | 'envelope';
  /** As written, with every reference expanded at its first use (in events, the envelope excepted) and then by full name. */
  readonly schema: JsonObject;
};

export const ENVELOPE_NAME = 'chorus.Envelope';
const PRIMITIVES = new Set(['boolean', 'int', 'long', 'float', 'double', 'string', 'bytes']);
const FIELD_ATTRIBUTES = new Set(['name', 'type', 'doc', 'default', 'aliases', 'chorus:values']);
const RECORD_ATTRIBUTES = new Set(['type', 'name', 'namespace', 'doc', 'fields', 'aliases']);
const LONG_LOGICAL_TYPES = new Set(['timestamp-millis']);
const SIMPLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export class SchemaRuleError extends Error {
  override readonly name = 'SchemaRuleError';
}

const refuse = (path: string, where: string, problem: string): never => {
  throw new SchemaRuleError(`${path}: ${where}: ${problem}`);
};

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
export const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

type RawFile = { readonly path: string; readonly folder: string; readonly fullName: string; readonly raw: JsonObject };

const avscPaths = (root: string): readonly string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.avsc'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();

const parseFile = (root: string, path: string): RawFile => {
  let raw: Json = null;
  try {
    raw = JSON.parse(readFileSync(join(root, path), 'utf8')) as Json;
  } catch (cause) {
    refuse(path, 'file', `is not JSON (${cause instanceof Error ? cause.message : String(cause)})`);
  }
  if (!isObject(raw) || raw['type'] !== 'record') return refuse(path, 'file', 'must hold one record: {"type": "record", …}');
  const name = textOf(raw['name']);
  const namespace = textOf(raw['namespace']);
  if (namespace === '') refuse(path, name, 'needs a namespace: the dotted event name without its last part, or "chorus"');
  const fullName = `${namespace}.${name}`;
  const expected = `${fullName.replace(/^chorus\./, '')}.avsc`;
  if (basename(path) !== expected) refuse(path, fullName, `the file must be called ${expected}`);
  const [folder = '', ...deeper] = path.split('/');
  if (deeper.length !== 1) refuse(path, fullName, 'must lie in schemas/<folder>/: the folder becomes src/contracts/generated/<folder>.ts');
  return { path, folder, fullName, raw };
};

type Expansion = { readonly path: string; readonly files: ReadonlyMap<string, RawFile>; readonly defined: Set<string>; readonly keepEnvelope: boolean };

const expandRecord = (schema: JsonObject, namespace: string, expansion: Expansion): JsonObject => {
  const { path } = expansion;
  const name = textOf(schema['name']);
  if (!SIMPLE_NAME.test(name)) refuse(path, `record ${JSON.stringify(name)}`, 'a name has letters, digits and _ only; dots belong into "namespace"');
  const ownNamespace = textOf(schema['namespace']) || namespace;
  const fullName = `${ownNamespace}.${name}`;
  for (const attribute of Object.keys(schema)) {
    if (!RECORD_ATTRIBUTES.has(attribute)) refuse(path, fullName, `unknown attribute ${JSON.stringify(attribute)}`);
  }
  if (expansion.defined.has(fullName)) refuse(path, fullName, 'is defined twice; refer to it by its full name');
  expansion.defined.add(fullName);
  const fields = schema['fields'];
  if (!isList(fields)) return refuse(path, fullName, 'needs "fields"');
  const seen = new Set<string>();
  const expanded = fields.map((field) => {
    if (!isObject(field)) return refuse(path, fullName, 'every field must be an object');
    const fieldName = textOf(field['name']);
    if (!SIMPLE_NAME.test(fieldName) || seen.has(fieldName)) refuse(path, fullName, `field name ${JSON.stringify(fieldName)} is malformed or repeated`);
    seen.add(fieldName);
    return expandField(field, `${fullName}.${fieldName}`, { ...expansion, namespace: ownNamespace });
  });
  return { ...schema, fields: expanded };
};

const expandField = (field: JsonObject, where: string, expansion: Expansion & { readonly namespace: string }): JsonObject => {
  const { path } = expansion;
  for (const attribute of Object.keys(field)) {
    if (!FIELD_ATTRIBUTES.has(attribute)) refuse(path, where, `unknown attribute ${JSON.stringify(attribute)}`);
  }
  const type = expandType(field['type'] ?? null, where, expansion);
  if (isList(type) && !('default' in field)) refuse(path, where, 'a nullable field needs "default": null (readers of older records get it)');
  if (isList(type) && field['default'] !== null) refuse(path, where, 'the default of a nullable field is null');
  const values = field['chorus:values'];
  if (values !== undefined) {
    const base = isList(type) ? type[1] : type;
    const holdsStrings = base === 'string' || (isObject(base) && base['type'] === 'array' && base['items'] === 'string');
    if (!holdsStrings || !isList(values) || values.length === 0 || !values.every((value) => typeof value === 'string')) {
      refuse(path, where, '"chorus:values" is a list of strings on a field of type string (or array of strings), nullable or not');
    }
  }
  return { ...field, type };
};

const expandType = (type: Json, where: string, expansion: Expansion & { readonly namespace: string }): Json => {
  const { path } = expansion;
  if (isList(type)) {
    const [first, second] = type;
    if (type.length !== 2 || first !== 'null' || second === undefined || second === 'null' || isList(second)) {
      refuse(path, where, `the only union is ["null", X]: other unions become wrapped values and cannot evolve (got ${JSON.stringify(type)})`);
    }
    return ['null', expandType(second ?? null, where, expansion)];
  }
  if (typeof type === 'string') return PRIMITIVES.has(type) ? type : expandReference(type, where, expansion);
  if (!isObject(type)) return refuse(path, where, 'needs a type');
  const kind = type['type'];
  if (kind === 'record') return expandRecord(type, expansion.namespace, expansion);
  if (kind === 'array') return { ...type, items: expandType(type['items'] ?? null, `${where}[]`, expansion) };
  if (kind === 'map') return { ...type, values: expandType(type['values'] ?? null, `${where}{}`, expansion) };
  if (kind === 'enum') return refuse(path, where, 'no enums: a symbol can never be added under FULL_TRANSITIVE; use string with "chorus:values"');
  if (typeof kind !== 'string' || !PRIMITIVES.has(kind)) return refuse(path, where, `type ${JSON.stringify(kind)} is not supported`);
  checkPrimitiveAttributes(type, where, path);
  return type;
};

const checkPrimitiveAttributes = (type: JsonObject, where: string, path: string): void => {
  for (const [attribute, value] of Object.entries(type)) {
    if (attribute === 'type') continue;
    const isTimestamp = attribute === 'logicalType' && LONG_LOGICAL_TYPES.has(textOf(value)) && type['type'] === 'long';
    const isExact = attribute === 'chorus:exact' && value === true && type['type'] === 'long' && !('logicalType' in type);
    if (!isTimestamp && !isExact) refuse(path, where, `${attribute}: ${JSON.stringify(value)} is not supported on ${textOf(type['type'])}`);
  }
};

const expandReference = (reference: string, where: string, expansion: Expansion & { readonly namespace: string }): Json => {
  const fullName = reference.includes('.') ? reference : `${expansion.namespace}.${reference}`;
  if (expansion.defined.has(fullName)) return fullName;
  const target = expansion.files.get(fullName);
  if (target === undefined) return refuse(expansion.path, where, `type ${fullName} is neither defined in this file before nor in a file of its own`);
  if (fullName === ENVELOPE_NAME && expansion.keepEnvelope) {
    expansion.defined.add(fullName);
    return fullName;
  }
  return expandRecord(target.raw, '', { ...expansion });
};

// Two files that each write the same inner record out would drift apart: such a record gets a file of its own.
const checkInnerNames = (raws: readonly RawFile[]): void => {
  const owners = new Map(raws.map((raw) => [raw.fullName, raw.path]));
  const visit = (value: Json, namespace: string, raw: RawFile): void => {
    if (isList(value)) for (const item of value) visit(item, namespace, raw);
    if (!isObject(value)) return;
    const ownNamespace = textOf(value['namespace']) || namespace;
    if (value['type'] === 'record' && value !== raw.raw) {
      const fullName = `${ownNamespace}.${textOf(value['name'])}`;
      const twin = owners.get(fullName);
      if (twin !== undefined) refuse(raw.path, fullName, `is also defined in ${twin}; give the record a file of its own and refer to it`);
      owners.set(fullName, raw.path);
    }
    for (const attribute of ['fields', 'type', 'items', 'values']) visit(value[attribute] ?? null, ownNamespace, raw);
  };
  for (const raw of raws) visit(raw.raw, '', raw);
};

const kindOf = (file: RawFile): SchemaFile['kind'] => {
  if (file.fullName === ENVELOPE_NAME) return 'envelope';
  const fields = file.raw['fields'];
  const names = isList(fields) ? fields.map((field) => (isObject(field) ? textOf(field['name']) : '')) : [];
  const at = names.indexOf('envelope');
  if (at === -1) return 'data';
  const first = isList(fields) ? fields[0] : undefined;
  if (at !== 0 || !isObject(first) || first['type'] !== ENVELOPE_NAME) {
    refuse(file.path, file.fullName, `"envelope" must be the first field, of type "${ENVELOPE_NAME}"`);
  }
  return 'event';
};

/** Every schema of the folder, checked; throws SchemaRuleError with file, field and rule at the first fault. */
export const readSchemaSet = (root: string): readonly SchemaFile[] => {
  const raws = avscPaths(root).map((path) => parseFile(root, path));
  const files = new Map<string, RawFile>();
  for (const raw of raws) {
    const twin = files.get(raw.fullName);
    if (twin !== undefined) refuse(raw.path, raw.fullName, `is also defined in ${twin.path}`);
    files.set(raw.fullName, raw);
  }
  checkInnerNames(raws);
  return raws.map((raw) => {
    const kind = kindOf(raw);
    const expansion: Expansion = { path: raw.path, files, defined: new Set(), keepEnvelope: kind === 'event' };
    return { path: raw.path, folder: raw.folder, fullName: raw.fullName, kind, schema: expandRecord(raw.raw, '', expansion) };
  });
};
