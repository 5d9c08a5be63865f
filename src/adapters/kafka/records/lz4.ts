import { ByteSink } from './byte-sink.ts';

/*
 * Frame => magic 04224D18, FLG, BD, [content_size 8 bytes], [dictionary_id 4 bytes], header checksum, then blocks
 *   size UINT32LE (high bit: stored as it is; 0: end), data, [block checksum 4 bytes]; then [content checksum 4 bytes]
 * Block => sequences: token (literal length, match length - 4), longer lengths in bytes of 255, literals, distance UINT16LE
 * Checksums are not looked at: the batch's CRC-32C covers the bytes.
 */
const MAGIC = 0x184d2204;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_DICTIONARY_ID = 0x01;
const STORED = 0x8000_0000;
const MATCH_BYTES_MIN = 4;

/** Inflates an LZ4 frame. Throws RangeError on anything malformed. */
export const lz4Decompress = (bytes: Buffer, bytesMax: number): Buffer => {
  if (bytes.readUInt32LE(0) !== MAGIC) throw new RangeError('no LZ4 frame');
  const flags = bytes.readUInt8(4);
  let position = 7 + ((flags & FLAG_CONTENT_SIZE) === 0 ? 0 : 8) + ((flags & FLAG_DICTIONARY_ID) === 0 ? 0 : 4);
  const sink = new ByteSink(bytes.length * 4, bytesMax);
  for (let size = bytes.readUInt32LE(position); size !== 0; size = bytes.readUInt32LE(position)) {
    position += 4;
    const isStored = size >= STORED;
    const end = position + (isStored ? size - STORED : size);
    if (end > bytes.length) throw new RangeError('block runs past the input');
    if (isStored) sink.append(bytes, position, end);
    else block(bytes.subarray(position, end), sink);
    position = end + ((flags & FLAG_BLOCK_CHECKSUM) === 0 ? 0 : 4);
  }
  return sink.finish();
};

const block = (input: Buffer, sink: ByteSink): void => {
  let position = 0;
  const longer = (nibble: number): number => {
    let length = nibble;
    if (nibble < 15) return length;
    for (let byte = 255; byte === 255;) {
      byte = input.readUInt8(position++);
      length += byte;
    }
    return length;
  };
  while (position < input.length) {
    const token = input.readUInt8(position++);
    const literalBytes = longer(token >>> 4);
    sink.append(input, position, position + literalBytes);
    position += literalBytes;
    // The last sequence is literals alone.
    if (position >= input.length) return;
    const distance = input.readUInt16LE(position);
    position += 2;
    sink.repeat(distance, longer(token & 15) + MATCH_BYTES_MIN);
  }
};
