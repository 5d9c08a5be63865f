import { createMemoryCodec, createMemorySchemaRegistry } from '#saga-core/testing';
import { codecConformance } from './codec.ts';

codecConformance('in-memory codec', () => {
  const registry = createMemorySchemaRegistry();
  return { codec: (options = {}) => createMemoryCodec({ registry, ...options }) };
});
