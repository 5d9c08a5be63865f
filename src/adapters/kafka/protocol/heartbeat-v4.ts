import type { Request } from '../net/request.ts';

/*
 * Heartbeat Request (Version: 4) => group_id generation_id member_id group_instance_id _tagged_fields
 * Heartbeat Response (Version: 4) => throttle_time_ms error_code _tagged_fields
 */
export const heartbeatV4 = (beat: { readonly groupId: string; readonly memberId: string; readonly generationId: number }): Request<{ readonly errorCode: number }> => ({
  apiKey: 12, apiVersion: 4, name: 'Heartbeat', flexible: true,
  encode: (writer) => writer.compactString(beat.groupId).int32(beat.generationId).compactString(beat.memberId).compactNullableString(null).noTags(),
  decode: (reader) => {
    reader.int32();
    return { errorCode: reader.int16() };
  },
});
