import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { ReadFault } from './read-fault.ts';

const GZIP = 1;
const SNAPPY = 2;
const LZ4 = 3;
const ZSTD = 4;
/** A batch that inflates beyond this is an attack or an accident. */
const INFLATED_BYTES_MAX = 256 * 1024 * 1024;

/** The records of a batch, inflated. Throws ReadFault: UNSUPPORTED_CODEC, or CORRUPT_BATCH when the bytes do not inflate. */
export const decompress = (codec: number, bytes: Buffer): Buffer => {
  try {
    switch (codec) {
      case GZIP:
        return gunzipSync(bytes, { maxOutputLength: INFLATED_BYTES_MAX });
      case ZSTD:
        return zstdDecompressSync(bytes, { maxOutputLength: INFLATED_BYTES_MAX });
      case SNAPPY:
      case LZ4:
      default:
        throw new ReadFault('UNSUPPORTED_CODEC', `compression codec ${codec} is not supported: set compression.type to producer, gzip or zstd`);
    }
  } catch (thrown) {
    if (thrown instanceof ReadFault) throw thrown;
    throw new ReadFault('CORRUPT_BATCH', `batch does not inflate (codec ${codec})`, { cause: thrown });
  }
};
