// CRC-32C (Castagnoli), eight bytes a step: record batches are checked on every read, so it is on the hot path.
const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

const buildTables = (): Uint32Array[] => {
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    first[byte] = crc;
  }
  const tables = [first];
  for (let slice = 1; slice < SLICES; slice++) {
    const previous = tables[slice - 1] ?? first;
    tables.push(previous.map((crc) => (crc >>> 8) ^ (first[crc & 0xff] ?? 0)));
  }
  return tables;
};

const flat = new Int32Array(256 * SLICES);
buildTables().forEach((table, slice) => flat.set(new Int32Array(table.buffer), slice * 256));

/* The tables are read with `| 0` instead of a check: every index below is masked to the table's length. */
const at = (index: number): number => flat[index] as number;

/** Unsigned CRC-32C of `bytes[start, end)`. */
export const crc32c = (bytes: Uint8Array, start: number = 0, end: number = bytes.length): number => {
  let crc = -1;
  let position = start;
  const lastFull = end - 8;
  for (; position <= lastFull; position += 8) {
    crc ^= (bytes[position] as number) | ((bytes[position + 1] as number) << 8) | ((bytes[position + 2] as number) << 16) | ((bytes[position + 3] as number) << 24);
    crc =
      at(1792 + (crc & 0xff)) ^ at(1536 + ((crc >>> 8) & 0xff)) ^ at(1280 + ((crc >>> 16) & 0xff)) ^ at(1024 + (crc >>> 24)) ^
      at(768 + (bytes[position + 4] as number)) ^ at(512 + (bytes[position + 5] as number)) ^
      at(256 + (bytes[position + 6] as number)) ^ at(bytes[position + 7] as number);
  }
  for (; position < end; position++) crc = (crc >>> 8) ^ at((crc ^ (bytes[position] as number)) & 0xff);
  return ~crc >>> 0;
};
