import type { Request } from '../net/request.ts';
import type { WireReader } from '../wire/wire-reader.ts';

/*
 * ApiVersions Request (Version: 3) => client_software_name client_software_version _tagged_fields
 * ApiVersions Response (Version: 3) => error_code [api_keys] throttle_time_ms _tagged_fields
 *   api_keys => api_key min_version max_version _tagged_fields
 *   tag 0: [supported_features], tag 1: finalized_features_epoch INT64,
 *   tag 2: [finalized_features] => name COMPACT_STRING max_version_level INT16 min_version_level INT16 _tagged_fields
 */
const FINALIZED_FEATURES_TAG = 2;

export type ApiVersions = {
  readonly errorCode: number;
  readonly maxVersions: ReadonlyMap<number, number>;
  /** Level of the finalised feature `transaction.version`; 2 and above mean KIP-890 part 2. */
  readonly transactionVersion: number;
};

const readTransactionVersion = (reader: WireReader): number => {
  let level = 0;
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint();
    const end = reader.uvarint() + reader.offset;
    if (tag === FINALIZED_FEATURES_TAG) {
      reader.compactArray(() => {
        const name = reader.compactString();
        const maxLevel = reader.int16();
        reader.int16();
        reader.skipTags();
        if (name === 'transaction.version') level = maxLevel;
      });
    }
    reader.offset = end;
  }
  return level;
};

/** What the broker speaks, and which protocol its transactions follow. */
export const apiVersionsV3 = (): Request<ApiVersions> => ({
  apiKey: 18, apiVersion: 3, name: 'ApiVersions', flexible: true,
  encode: (writer) => writer.compactString('chorus').compactString('1').noTags(),
  decode: (reader) => {
    const errorCode = reader.int16();
    const maxVersions = new Map<number, number>();
    if (errorCode !== 0) return { errorCode, maxVersions, transactionVersion: 0 };
    reader.compactArray(() => {
      const apiKey = reader.int16();
      reader.int16();
      maxVersions.set(apiKey, reader.int16());
      reader.skipTags();
    });
    reader.int32();
    return { errorCode, maxVersions, transactionVersion: readTransactionVersion(reader) };
  },
});
