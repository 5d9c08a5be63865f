import type { Request } from '../net/request.ts';

/*
 * InitProducerId Request (Version: 4, 5) => transactional_id transaction_timeout_ms producer_id producer_epoch _tagged_fields
 *   transactional_id => COMPACT_NULLABLE_STRING, transaction_timeout_ms => INT32, producer_id => INT64, producer_epoch => INT16
 * InitProducerId Response (Version: 4, 5) => throttle_time_ms error_code producer_id producer_epoch _tagged_fields
 */
export type ProducerIdAnswer = { readonly errorCode: number; readonly producerId: number; readonly epoch: number };

/** Fences every older user of the transactional id and settles its open transaction. */
export const initProducerId = (apiVersion: 4 | 5, transactionalId: string, transactionTimeoutMs: number): Request<ProducerIdAnswer> => ({
  apiKey: 22, apiVersion, name: 'InitProducerId', flexible: true,
  encode: (writer) => writer.compactNullableString(transactionalId).int32(transactionTimeoutMs).int64(-1).int16(-1).noTags(),
  decode: (reader) => {
    reader.int32();
    return { errorCode: reader.int16(), producerId: reader.int64(), epoch: reader.int16() };
  },
});
