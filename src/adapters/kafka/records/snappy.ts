import { ByteSink } from './byte-sink.ts';

/*
 * Block => length UVARINT, then elements by the two low bits of their tag: 0 literal, 1, 2 and 3 matches with a distance of
 * 11, 16 and 32 bits. Java clients frame blocks as snappy-java does: 82 "SNAPPY" 00, version INT32, compatible INT32, then
 * [block_bytes INT32, block]; other clients write a bare block.
 */
const FRAME_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const FRAME_HEADER_BYTES = 16;

/** Inflates snappy data, framed or bare. Throws RangeError on anything malformed. */
export const snappyDecompress = (bytes: Buffer, bytesMax: number): Buffer => {
  const sink = new ByteSink(bytes.length * 3, bytesMax);
  if (!bytes.subarray(0, FRAME_MAGIC.length).equals(FRAME_MAGIC)) {
    block(bytes, sink);
    return sink.finish();
  }
  for (let position = FRAME_HEADER_BYTES; position < bytes.length;) {
    const end = position + 4 + bytes.readInt32BE(position);
    if (end > bytes.length) throw new RangeError('block runs past the input');
    block(bytes.subarray(position + 4, end), sink);
    position = end;
  }
  return sink.finish();
};

const block = (input: Buffer, sink: ByteSink): void => {
  let position = 0;
  while (input.readUInt8(position++) >= 0x80);
  // Distances count from the block's own start in every writer, so the sink's longer history does no harm.
  while (position < input.length) {
    const tag = input.readUInt8(position++);
    switch (tag & 3) {
      case 0: {
        const extraBytes = Math.max(0, (tag >>> 2) - 59);
        const length = extraBytes === 0 ? (tag >>> 2) + 1 : input.readUIntLE(position, extraBytes) + 1;
        position += extraBytes;
        sink.append(input, position, position + length);
        position += length;
        break;
      }
      case 1:
        sink.repeat(((tag & 0xe0) << 3) | input.readUInt8(position), ((tag >>> 2) & 7) + 4);
        position += 1;
        break;
      case 2:
        sink.repeat(input.readUInt16LE(position), (tag >>> 2) + 1);
        position += 2;
        break;
      default:
        sink.repeat(input.readUInt32LE(position), (tag >>> 2) + 1);
        position += 4;
    }
  }
};
