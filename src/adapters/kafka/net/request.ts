import type { WireReader } from '../wire/wire-reader.ts';
import type { WireWriter } from '../wire/wire-writer.ts';

/** One request of one version, with its answer's decoder. Codes inside an answer are data: decoding never throws them. */
export type Request<Answer> = {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly name: string;
  /** Flexible versions (KIP-482) carry tag sections in both headers. */
  readonly flexible: boolean;
  readonly encode: (writer: WireWriter) => void;
  readonly decode: (reader: WireReader) => Answer;
};

/** ApiVersions answers with the old header in every version, so that any client can read it. */
export const API_VERSIONS_KEY = 18;
