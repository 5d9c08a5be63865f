import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { lz4Decompress } from './lz4.ts';
import { ReadFault } from './read-fault.ts';
import { snappyDecompress } from './snappy.ts';

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
        return snappyDecompress(bytes, INFLATED_BYTES_MAX);
      case LZ4:
        return lz4Decompress(bytes, INFLATED_BYTES_MAX);
      default:
        throw new ReadFault('UNSUPPORTED_CODEC', `compression codec ${codec} is not known: set the topic's compression.type to one of gzip, snappy, lz4, zstd`);
    }
  } catch (thrown) {
    if (thrown instanceof ReadFault) throw thrown;
    throw new ReadFault('CORRUPT_BATCH', `batch does not inflate (codec ${codec})`, { cause: thrown });
  }
};
