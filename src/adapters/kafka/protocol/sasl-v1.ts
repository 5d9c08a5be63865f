import type { Request } from '../net/request.ts';

/*
 * SaslHandshake Request (Version: 1) => mechanism STRING
 * SaslHandshake Response (Version: 1) => error_code [mechanisms]
 * SaslAuthenticate Request (Version: 1) => auth_bytes BYTES
 * SaslAuthenticate Response (Version: 1) => error_code error_message auth_bytes session_lifetime_ms
 */
export type SaslHandshakeAnswer = { readonly errorCode: number; readonly mechanisms: readonly string[] };

export const saslHandshakeV1 = (mechanism: string): Request<SaslHandshakeAnswer> => ({
  apiKey: 17, apiVersion: 1, name: 'SaslHandshake', flexible: false,
  encode: (writer) => writer.string(mechanism),
  decode: (reader) => ({ errorCode: reader.int16(), mechanisms: reader.array(() => reader.string()) }),
});

export type SaslAuthenticateAnswer = {
  readonly errorCode: number;
  readonly message: string | null;
  readonly authBytes: Buffer;
  /** 0: unlimited. */
  readonly sessionLifetimeMs: number;
};

export const saslAuthenticateV1 = (authBytes: Uint8Array): Request<SaslAuthenticateAnswer> => ({
  apiKey: 36, apiVersion: 1, name: 'SaslAuthenticate', flexible: false,
  encode: (writer) => writer.bytes(authBytes),
  decode: (reader) => ({ errorCode: reader.int16(), message: reader.nullableString(), authBytes: reader.bytes(), sessionLifetimeMs: reader.int64() }),
});
