import type { Request } from '../net/request.ts';
import type { ProducerIdentity } from './producer-identity.ts';

/*
 * EndTxn Request (Version: 3 to 5) => transactional_id producer_id producer_epoch committed _tagged_fields
 * EndTxn Response (Version: 3, 4) => throttle_time_ms error_code _tagged_fields
 * EndTxn Response (Version: 5) => throttle_time_ms error_code producer_id producer_epoch _tagged_fields
 */
export type EndTxnAnswer = {
  readonly errorCode: number;
  /** Version 5 only: who writes the next transaction; its sequences start at 0. */
  readonly next: { readonly producerId: number; readonly epoch: number } | null;
};

export const endTxn = (apiVersion: number, identity: ProducerIdentity, verdict: 'commit' | 'abort'): Request<EndTxnAnswer> => ({
  apiKey: 26, apiVersion, name: 'EndTxn', flexible: true,
  encode: (writer) => writer.compactString(identity.transactionalId).int64(identity.producerId).int16(identity.epoch)
    .boolean(verdict === 'commit').noTags(),
  decode: (reader) => {
    reader.int32();
    const errorCode = reader.int16();
    return { errorCode, next: apiVersion >= 5 ? { producerId: reader.int64(), epoch: reader.int16() } : null };
  },
});
