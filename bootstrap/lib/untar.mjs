import { createReadStream, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { createGunzip } from 'node:zlib';
import { BootstrapError } from './say.mjs';

const BLOCK_BYTES = 512;

const text = (block, start, length) => {
  const slice = block.subarray(start, start + length);
  const end = slice.indexOf(0);
  return slice.subarray(0, end === -1 ? length : end).toString('utf8');
};

const isInside = (name) => {
  const path = normalize(name);
  return !path.startsWith('..') && !path.startsWith('/');
};

/** The path a pax header gives to the entry after it, or undefined. */
const paxPath = (body) => /^\d+ path=(.*)$/m.exec(body.toString('utf8'))?.[1];

async function* blocksOf(file) {
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(file).pipe(createGunzip())) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = rest.length - (rest.length % BLOCK_BYTES);
    for (let at = 0; at < whole; at += BLOCK_BYTES) yield rest.subarray(at, at + BLOCK_BYTES);
    rest = rest.subarray(whole);
  }
}

const store = (folder, name, body) => {
  if (!isInside(name)) throw new BootstrapError(`the archive names a file outside its folder: ${name}`);
  const target = join(folder, name);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, body);
};

/** Unpacks the regular files of a .tar.gz (ustar, GNU long names, pax paths); there need be no tar on the machine. */
export const untar = async (file, folder) => {
  let entry; // The file being read: {name, type, left, parts}.
  let longName;
  const finish = () => {
    const body = Buffer.concat(entry.parts).subarray(0, entry.size);
    if (entry.type === 'L') longName = text(body, 0, body.length);
    else if (entry.type === 'x') longName = paxPath(body) ?? longName;
    else {
      if (entry.type === '0' || entry.type === '') store(folder, longName ?? entry.name, body);
      longName = undefined;
    }
    entry = undefined;
  };
  for await (const block of blocksOf(file)) {
    if (entry !== undefined) {
      entry.parts.push(Buffer.from(block));
      entry.left -= BLOCK_BYTES;
      if (entry.left <= 0) finish();
      continue;
    }
    if (block[0] === 0) continue; // The end, or padding.
    const size = Number.parseInt(text(block, 124, 12).trim() || '0', 8);
    const prefix = text(block, 257, 5) === 'ustar' && block[262] === 0 ? text(block, 345, 155) : '';
    const name = text(block, 0, 100);
    entry = { name: prefix === '' ? name : `${prefix}/${name}`, type: text(block, 156, 1), size, left: size, parts: [] };
    if (size === 0) finish();
  }
};
