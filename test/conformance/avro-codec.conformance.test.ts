import { createInMemoryCodec, createInMemoryRegistry } from '#adapters/schema-registry';
import { codecConformance } from './codec.ts';

codecConformance('Avro codec', () => {
  const registry = createInMemoryRegistry();
  return { codec: (options = {}) => createInMemoryCodec({ registry, ...options }) };
});
