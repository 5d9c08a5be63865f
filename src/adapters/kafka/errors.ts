/** What the caller can do about it. */
export type KafkaErrorAction = 'retry' | 'fence' | 'dead-letter' | 'stop';

export type KafkaErrorCode =
  /** The connection was refused, reset or closed; the request may have been executed. */
  | 'KAFKA_CONNECTION_LOST'
  /** No answer in time; the connection was destroyed, the request may have been executed. */
  | 'KAFKA_REQUEST_TIMEOUT'
  /** An answer that does not follow the protocol. */
  | 'KAFKA_PROTOCOL'
  /** The broker refused the request for a stated reason. */
  | 'KAFKA_REFUSED'
  | 'KAFKA_AUTHENTICATION'
  /** The user is who it says, but lacks a right; the message says which to grant. */
  | 'KAFKA_NOT_AUTHORISED'
  | 'KAFKA_UNSUPPORTED_BROKER'
  | 'KAFKA_UNKNOWN_TOPIC'
  | 'KAFKA_CLOSED'
  | 'KAFKA_CONFIG';

const ACTIONS = {
  KAFKA_CONNECTION_LOST: 'retry',
  KAFKA_REQUEST_TIMEOUT: 'retry',
  KAFKA_PROTOCOL: 'stop',
  KAFKA_REFUSED: 'stop',
  KAFKA_AUTHENTICATION: 'stop',
  KAFKA_NOT_AUTHORISED: 'stop',
  KAFKA_UNSUPPORTED_BROKER: 'stop',
  KAFKA_UNKNOWN_TOPIC: 'stop',
  KAFKA_CLOSED: 'stop',
  KAFKA_CONFIG: 'stop',
} as const satisfies Record<KafkaErrorCode, KafkaErrorAction>;

/** A failure at the edge to Kafka. Handle it by `code` or `action`, not by its message. */
export class KafkaError extends Error {
  override readonly name = 'KafkaError';
  readonly code: KafkaErrorCode;
  readonly action: KafkaErrorAction;
  /** The broker's own error code, where it named one. */
  readonly brokerCode: number | undefined;

  constructor(code: KafkaErrorCode, message: string, options: { readonly cause?: unknown; readonly brokerCode?: number } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.action = ACTIONS[code];
    this.brokerCode = options.brokerCode;
  }
}

/** The failure, or what was thrown in its place, in one line. */
export const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** No definite answer: the exchange may be repeated on a new connection where repeating is safe. */
export const isLostAnswer = (thrown: unknown): boolean =>
  thrown instanceof KafkaError && (thrown.code === 'KAFKA_CONNECTION_LOST' || thrown.code === 'KAFKA_REQUEST_TIMEOUT');
