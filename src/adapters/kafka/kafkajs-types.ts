/** The shapes of kafkajs' inner modules, as far as this adapter touches them (declared in kafkajs-internals.d.ts). */
export type SaslExchange = {
  readonly request: { readonly encode: () => Promise<Buffer> };
  readonly response?: { readonly decode: (bytes: Buffer) => Promise<unknown>; readonly parse: (data: unknown) => Promise<unknown> };
};

export type SaslProvider = (credentials: { readonly username: string; readonly password: string }) => (host: {
  readonly host: string;
  readonly port: number;
  readonly logger: object;
  readonly saslAuthenticate: (exchange: SaslExchange) => Promise<unknown>;
}) => { readonly authenticate: () => Promise<void> };

export type SocketFactory = (options: object) => unknown;
export type InstrumentationEmitter = { readonly emit: (event: string, payload: unknown) => void };

export type RequestQueuePrototype = {
  scheduleCheckPendingRequests: (this: { readonly pending: readonly unknown[] }) => void;
};

export type GroupMember = { readonly memberId: string; readonly memberMetadata: Buffer };

export type KafkajsLogger = {
  readonly namespace: () => KafkajsLogger;
  readonly debug: () => void;
  readonly info: () => void;
  readonly warn: () => void;
  readonly error: () => void;
};

export type Assigner = {
  readonly name: string;
  readonly version: number;
  readonly protocol: (subscription: { readonly topics: readonly string[] }) => { readonly name: string; readonly metadata: Buffer };
  readonly assign: (group: { readonly members: readonly GroupMember[]; readonly topics: readonly string[] }) =>
    Promise<readonly { readonly memberId: string; readonly memberAssignment: Buffer }[]>;
};

export type GroupCoordinator = {
  readonly heartbeat: (beat: { readonly groupId: string; readonly memberId: string; readonly groupGenerationId: number }) => Promise<unknown>;
};

export type Cluster = {
  readonly connect: () => Promise<void>;
  readonly disconnect: () => Promise<void>;
  readonly refreshMetadata: () => Promise<void>;
  readonly addMultipleTargetTopics: (topics: readonly string[]) => Promise<void>;
  readonly findGroupCoordinator: (options: { readonly groupId: string }) => Promise<GroupCoordinator>;
};

export type ClusterConstructor = new (options: {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl?: object;
  readonly sasl?: object;
  readonly logger: KafkajsLogger;
  readonly socketFactory: SocketFactory;
  readonly connectionTimeout: number;
  readonly authenticationTimeout: number;
  readonly reauthenticationThreshold: number;
  readonly requestTimeout: number;
  readonly enforceRequestTimeout: boolean;
  readonly metadataMaxAge: number;
  readonly allowAutoTopicCreation: false;
  readonly retry: object;
  readonly instrumentationEmitter: InstrumentationEmitter;
}) => Cluster;

export type ConsumerGroup = {
  generationId: number | null;
  memberId: string | null;
  coordinator: GroupCoordinator | null;
  readonly connect: () => Promise<void>;
  readonly joinAndSync: () => Promise<void>;
  readonly leave: () => Promise<void>;
  readonly assigned: () => readonly { readonly topic: string; readonly partitions: readonly number[] }[];
};

export type ConsumerGroupConstructor = new (options: {
  readonly retry: object;
  readonly cluster: Cluster;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly topicConfigurations: object;
  readonly logger: KafkajsLogger;
  readonly instrumentationEmitter: InstrumentationEmitter;
  readonly assigners: readonly Assigner[];
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly metadataMaxAge: number;
  readonly autoCommit: false;
}) => ConsumerGroup;
