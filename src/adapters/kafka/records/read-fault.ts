import type { ReadErrorCode } from '#saga-core/ports';

/** Why a batch cannot be read; becomes the subscription's typed end. */
export class ReadFault extends Error {
  override readonly name = 'ReadFault';
  readonly code: ReadErrorCode;

  constructor(code: ReadErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
