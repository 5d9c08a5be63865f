// Front door: the Codec port on Avro and a Confluent-compatible schema registry.
export { CodecError, type CodecErrorAction, type CodecErrorCode } from './codec-error.ts';
export { createInMemoryCodec, createSchemaCodec, type InMemoryCodecOptions, type SchemaCodecOptions } from './codec.ts';
export { type AnyType, checkSchemas, registerSchemas, type SchemaSubject, type SubjectState, subjectsOf, type TopicsOf } from './registration.ts';
export { createInMemoryRegistry, createRegistryClient, type RegistryClient, type RegistryOptions } from './registry-client.ts';
export { bodyHash, readHeader } from './wire-format.ts';
