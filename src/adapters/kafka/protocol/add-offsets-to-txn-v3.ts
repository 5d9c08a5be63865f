import type { Request } from '../net/request.ts';
import type { ProducerIdentity } from './producer-identity.ts';

/*
 * AddOffsetsToTxn Request (Version: 3) => transactional_id producer_id producer_epoch group_id _tagged_fields
 * AddOffsetsToTxn Response (Version: 3) => throttle_time_ms error_code _tagged_fields
 */
/** Classic transactions only: announces that positions of the group will be written. */
export const addOffsetsToTxnV3 = (identity: ProducerIdentity, group: string): Request<{ readonly errorCode: number }> => ({
  apiKey: 25, apiVersion: 3, name: 'AddOffsetsToTxn', flexible: true,
  encode: (writer) => writer.compactString(identity.transactionalId).int64(identity.producerId).int16(identity.epoch).compactString(group).noTags(),
  decode: (reader) => {
    reader.int32();
    return { errorCode: reader.int16() };
  },
});
