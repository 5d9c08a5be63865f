// kafkajs 2.2.4 ships no types for its inner modules; the version is pinned, so these hold what is used of them and no more.
declare module 'kafkajs/src/broker/saslAuthenticator/plain.js' {
  const provider: import('./kafkajs-types.ts').SaslProvider;
  export default provider;
}
declare module 'kafkajs/src/broker/saslAuthenticator/scram256.js' {
  const provider: import('./kafkajs-types.ts').SaslProvider;
  export default provider;
}
declare module 'kafkajs/src/broker/saslAuthenticator/scram512.js' {
  const provider: import('./kafkajs-types.ts').SaslProvider;
  export default provider;
}
declare module 'kafkajs/src/cluster/index.js' {
  const Cluster: import('./kafkajs-types.ts').ClusterConstructor;
  export default Cluster;
}
declare module 'kafkajs/src/consumer/consumerGroup.js' {
  const ConsumerGroup: import('./kafkajs-types.ts').ConsumerGroupConstructor;
  export default ConsumerGroup;
}
declare module 'kafkajs/src/network/requestQueue/index.js' {
  const RequestQueue: { readonly prototype: import('./kafkajs-types.ts').RequestQueuePrototype };
  export default RequestQueue;
}
declare module 'kafkajs/src/network/socketFactory.js' {
  const socketFactory: () => import('./kafkajs-types.ts').SocketFactory;
  export default socketFactory;
}
declare module 'kafkajs/src/instrumentation/emitter.js' {
  const Emitter: new () => import('./kafkajs-types.ts').InstrumentationEmitter;
  export default Emitter;
}
declare module 'kafkajs/src/protocol/decoder.js' {
  const Decoder: new (bytes: Buffer) => object;
  export default Decoder;
}
declare module 'kafkajs/src/protocol/recordBatch/v0/decoder.js' {
  const decode: (decoder: object) => Promise<{
    readonly records: readonly { readonly offset: string; readonly timestamp: string; readonly key: Buffer | null; readonly value: Buffer | null }[];
  }>;
  export default decode;
}
