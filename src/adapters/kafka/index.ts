export { createKafkaEventLog, type KafkaEventLogOptions } from './event-log.ts';
export { type KafkaConfig, kafkaConfigFromEnvironment, type KafkaSasl, type SaslMechanism } from './config.ts';
export { KafkaError, type KafkaErrorAction, type KafkaErrorCode } from './errors.ts';
export { createKafkaAdmin, type KafkaAdmin, type TopicDescription, type TopicToCreate } from './admin.ts';
