import type { Request } from '../net/request.ts';

/*
 * FindCoordinator Request (Version: 3) => key COMPACT_STRING key_type INT8 _tagged_fields
 * FindCoordinator Response (Version: 3) => throttle_time_ms error_code error_message node_id host port _tagged_fields
 */
export type CoordinatorType = 'group' | 'transaction';

export type CoordinatorAnswer = { readonly errorCode: number; readonly nodeId: number; readonly host: string; readonly port: number };

/** Which broker coordinates a group or a transactional id. */
export const findCoordinatorV3 = (type: CoordinatorType, key: string): Request<CoordinatorAnswer> => ({
  apiKey: 10, apiVersion: 3, name: 'FindCoordinator', flexible: true,
  encode: (writer) => writer.compactString(key).int8(type === 'transaction' ? 1 : 0).noTags(),
  decode: (reader) => {
    reader.int32();
    const errorCode = reader.int16();
    reader.compactNullableString();
    return { errorCode, nodeId: reader.int32(), host: reader.compactString(), port: reader.int32() };
  },
});
