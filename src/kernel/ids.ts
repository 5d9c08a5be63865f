import { err, ok, type Result } from './result.ts';

declare const sagaIdBrand: unique symbol;
/** Identity of a saga instance (seed C's SagaId = seed A's correlationId): 1 to 32 of `A-Z a-z 0-9 _ -`. */
export type SagaId = string & { readonly [sagaIdBrand]: true };

const SAGA_ID_PATTERN = /^[A-Za-z0-9_-]{1,32}$/;

/** The one parser of correlation ids, used at every entrance. */
export const parseSagaId = (text: string): Result<SagaId, string> =>
  SAGA_ID_PATTERN.test(text)
    ? ok(text as SagaId)
    : err(`correlationId ${JSON.stringify(text)} must be 1 to 32 characters of A-Z a-z 0-9 _ -`);

declare const peerIdBrand: unique symbol;
/** Identity of the participant that emits a record. */
export type PeerId = string & { readonly [peerIdBrand]: true };
/** A participant's name as the identity its records carry. */
export const peerId = (name: string): PeerId => name as PeerId;

declare const idempotencyKeyBrand: unique symbol;
/** `correlationId[/subSaga]:step[/item]:phase`: the same over retries and restarts. */
export type IdempotencyKey = string & { readonly [idempotencyKeyBrand]: true };

/** What names an effect: instance, step, item and direction. */
export type IdempotencyKeyParts = {
  readonly correlationId: string;
  readonly subSaga: string | null;
  readonly step: string;
  readonly item: string | null;
  readonly phase: 'execute' | 'compensate';
};

/** The key of one effect: the same parts, the same key. */
export const idempotencyKey = (parts: IdempotencyKeyParts): IdempotencyKey => {
  const instance = parts.subSaga === null ? parts.correlationId : `${parts.correlationId}/${parts.subSaga}`;
  const step = parts.item === null ? parts.step : `${parts.step}/${parts.item}`;
  return `${instance}:${step}:${parts.phase}` as IdempotencyKey;
};
