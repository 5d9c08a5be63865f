/**
 * Permanent codes of the codec and the registry client.
 * - CODEC_UNDECLARED_FIELD, CODEC_MISSING_FIELD, CODEC_INVALID_VALUE: the value does not fit its schema.
 * - CODEC_RECORD_TOO_LARGE: encoded it would exceed the size limit.
 * - CODEC_NOT_PREPARED: the type's schema id is not known; call prepare first.
 * - CODEC_NO_TOPIC: no declared topic carries the event type.
 * - CODEC_UNKNOWN_SCHEMA: bytes of a schema id that was not learnt.
 * - CODEC_UNDECODABLE: bytes that their writer's schema does not explain.
 * - CODEC_BAD_SCHEMA: a schema that cannot be compiled, or is not Avro.
 * - REGISTRY_UNREACHABLE: no answer, after retries; the only one that time may cure.
 * - REGISTRY_REFUSED: an answer other than expected.
 * - REGISTRY_NOT_FOUND: the schema id or the subject's schema is not there.
 * - REGISTRY_INCOMPATIBLE: the schema breaks the subject's compatibility rule.
 */
export type CodecErrorCode =
  | 'CODEC_UNDECLARED_FIELD'
  | 'CODEC_MISSING_FIELD'
  | 'CODEC_INVALID_VALUE'
  | 'CODEC_RECORD_TOO_LARGE'
  | 'CODEC_NOT_PREPARED'
  | 'CODEC_NO_TOPIC'
  | 'CODEC_UNKNOWN_SCHEMA'
  | 'CODEC_UNDECODABLE'
  | 'CODEC_BAD_SCHEMA'
  | 'REGISTRY_UNREACHABLE'
  | 'REGISTRY_REFUSED'
  | 'REGISTRY_NOT_FOUND'
  | 'REGISTRY_INCOMPATIBLE';

export type CodecErrorAction = 'retry' | 'dead-letter' | 'stop';

const ACTIONS: Readonly<Record<CodecErrorCode, CodecErrorAction>> = {
  CODEC_UNDECLARED_FIELD: 'dead-letter',
  CODEC_MISSING_FIELD: 'dead-letter',
  CODEC_INVALID_VALUE: 'dead-letter',
  CODEC_RECORD_TOO_LARGE: 'dead-letter',
  CODEC_NOT_PREPARED: 'stop',
  CODEC_NO_TOPIC: 'stop',
  CODEC_UNKNOWN_SCHEMA: 'retry',
  CODEC_UNDECODABLE: 'dead-letter',
  CODEC_BAD_SCHEMA: 'stop',
  REGISTRY_UNREACHABLE: 'retry',
  REGISTRY_REFUSED: 'stop',
  REGISTRY_NOT_FOUND: 'stop',
  REGISTRY_INCOMPATIBLE: 'stop',
};

/** Every code there is; each is explained in docs/reference/errors.md. */
export const codecErrorCodes: readonly string[] = Object.keys(ACTIONS);

export type CodecErrorDetails = {
  readonly code: CodecErrorCode;
  /** What happened, with names and values, and what to do. */
  readonly message: string;
  /** Full name of the record type, where known. */
  readonly type?: string;
  /** Path of the field within the record, `envelope.chain.seq`. */
  readonly path?: string;
  readonly schemaId?: number;
  readonly subject?: string;
  readonly cause?: unknown;
};

/** Everything the codec refuses. Handle by `code` or `action`. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
  readonly code: CodecErrorCode;
  readonly action: CodecErrorAction;
  readonly type: string | undefined;
  readonly path: string | undefined;
  readonly schemaId: number | undefined;
  readonly subject: string | undefined;

  constructor(details: CodecErrorDetails) {
    super(`${details.code}: ${details.message}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.action = ACTIONS[details.code];
    this.type = details.type;
    this.path = details.path;
    this.schemaId = details.schemaId;
    this.subject = details.subject;
  }
}

/** Not by `instanceof`: an error of another realm is none of ours. */
export const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
