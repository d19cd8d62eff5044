// One HKDF-SHA256 subkey (32 bytes, salt "rushgate", info = the purpose) for each kind of token, so that a token of one kind is
// never valid as another. RUSHGATE_SECRET, or the file RUSHGATE_SECRET_FILE, holds one or several secrets separated by commas or line
// ends, each "<key id>:<at least 16 characters>": the first signs, all verify.

export type SubkeyPurpose =
  | 'session'
  | 'internal'
  | 'receipt'
  | 'request-signing'
  | 'sandbox-payment'
  | 'ticket'
  | 'pass'
  | 'proof'
  | 'event'

export const HKDF_SALT = 'rushgate'
export const HKDF_BYTES = 32
export const SECRET_LENGTH_MIN = 16
