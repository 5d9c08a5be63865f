import fc from 'fast-check';
import type { AvroSchema } from '#contracts/core';

// Arbitrary values of a schema, edges included: what a property test of the codec needs.

type Scope = { readonly named: Map<string, fc.Arbitrary<unknown>>; readonly namespace: string; readonly values: readonly string[] | null };

const PRIMITIVES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  boolean: fc.boolean(),
  int: fc.oneof(fc.integer(), fc.constantFrom(-0x80000000, 0x7fffffff, 0)),
  long: fc.oneof(fc.maxSafeInteger(), fc.constantFrom(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 0, -0x8000000000000, 0x8000000000000)),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }),
  bytes: fc.uint8Array({ maxLength: 200 }),
};
const TEXT = fc.oneof(fc.string({ unit: 'binary', maxLength: 100 }), fc.constant(''), fc.constant('€ 𝄞 ü'));
const EXACT = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

const recordOf = (schema: AvroSchema, scope: Scope): fc.Arbitrary<unknown> => {
  const namespace = typeof schema['namespace'] === 'string' ? schema['namespace'] : scope.namespace;
  const fields = (schema['fields'] as readonly AvroSchema[]).map((field): [string, fc.Arbitrary<unknown>] => {
    const values = field['chorus:values'];
    return [String(field['name']), arbitraryOf(field['type'], { ...scope, namespace, values: Array.isArray(values) ? values : null })];
  });
  const arbitrary = fc.record(Object.fromEntries(fields), { noNullPrototype: true });
  scope.named.set(`${namespace}.${String(schema['name'])}`, arbitrary);
  return arbitrary;
};

const arbitraryOf = (type: unknown, scope: Scope): fc.Arbitrary<unknown> => {
  if (Array.isArray(type)) return fc.option(arbitraryOf(type[1], scope), { nil: null });
  if (type === 'string') return scope.values === null ? TEXT : fc.constantFrom(...scope.values);
  if (typeof type === 'string') {
    const found = PRIMITIVES[type] ?? scope.named.get(type.includes('.') ? type : `${scope.namespace}.${type}`);
    if (found === undefined) throw new Error(`no arbitrary for ${type}`);
    return found;
  }
  const schema = type as AvroSchema;
  switch (schema['type']) {
    case 'record': return recordOf(schema, scope);
    case 'array': return fc.array(arbitraryOf(schema['items'], scope), { maxLength: 5 });
    case 'map': return fc.dictionary(TEXT, arbitraryOf(schema['values'], scope), { maxKeys: 5, noNullPrototype: true });
    case 'long': return schema['chorus:exact'] === true ? EXACT : arbitraryOf('long', scope);
    default: return arbitraryOf(schema['type'], scope);
  }
};

/** Values of a record schema: plain objects with every field. */
export const arbitraryOfSchema = (schema: AvroSchema): fc.Arbitrary<Readonly<Record<string, unknown>>> =>
  arbitraryOf(schema, { named: new Map(), namespace: '', values: null }) as fc.Arbitrary<Readonly<Record<string, unknown>>>;
