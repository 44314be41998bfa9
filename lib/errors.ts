/** Code of a `BitnetError`; see docs/errors.md for what each one means and how to fix it. */
export type BitnetErrorCode =
  | 'ERR_BITNET_ABORTED'
  | 'ERR_BITNET_ADDON'
  | 'ERR_BITNET_ARGUMENT'
  | 'ERR_BITNET_BUSY'
  | 'ERR_BITNET_CHECKSUM'
  | 'ERR_BITNET_CLOSED'
  | 'ERR_BITNET_CONTEXT'
  | 'ERR_BITNET_FILE'
  | 'ERR_BITNET_GGUF'
  | 'ERR_BITNET_KERNEL'
  | 'ERR_BITNET_MEMORY'
  | 'ERR_BITNET_MODEL'
  | 'ERR_BITNET_NETWORK'
  | 'ERR_BITNET_NUMERIC'
  | 'ERR_BITNET_SESSION'
  | 'ERR_BITNET_TEMPLATE'
  | 'ERR_BITNET_TIME'
  | 'ERR_BITNET_TOKENIZER'
  | 'ERR_BITNET_TYPE';

/**
 * Every error this library raises on purpose. The message is one sentence that says what was
 * expected, what was received and what to do; callers branch on `code`, never on the text.
 */
export class BitnetError extends Error {
  override readonly name: string = 'BitnetError';
  readonly code: BitnetErrorCode;

  /**
   * @param fields data about the failure, copied onto the error (`cause` becomes `error.cause`)
   */
  constructor(
    code: BitnetErrorCode,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ) {
    const { cause, ...rest } = fields;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    Object.assign(this, rest);
  }
}
