import { sharedPlatform } from '../support/platform.ts';
import { eventLogConformance } from './event-log.ts';
import { makeKafkaStage } from './event-log/kafka-stage.ts';

const { kafka } = await sharedPlatform();

eventLogConformance('Kafka event log, transactions v2', makeKafkaStage(kafka));
eventLogConformance('Kafka event log, classic transactions', makeKafkaStage(kafka, { transactionProtocol: 'classic' }));
