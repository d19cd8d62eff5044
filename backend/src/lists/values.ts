// What the admin API accepts about lists: each value is brought into the one form under which gates look it up.
import { z } from 'zod'
import type { ListKind } from '../../../contract/followed-lists'
import { USER_BYTES_MAX } from '../../../contract/lane-scripts'
import { addressText, networkText, parseAddress, parseNetwork } from '../../../edge/src/domain/address'
import { isPlainText } from '../plain-text'

const REASON_LENGTH_MAX = 500
const YEAR_2100_MS = Date.UTC(2100, 0)

function parsed(parse: (text: string) => string | undefined, message: string) {
  return z.string().transform((text, context) => {
    const value = parse(text)
    if (value !== undefined) return value
    context.issues.push({ code: 'custom', message, input: text })
    return z.NEVER
  })
}

const address = parsed((text) => {
  const read = parseAddress(text)
  return read && addressText(read)
}, 'must be an IPv4 or IPv6 address, as 192.0.2.1 or 2001:db8::1, without port, brackets or zone')

const cidr = parsed((text) => {
  const read = text.includes('/') ? parseNetwork(text) : undefined
  return read && networkText(read)
}, 'must be a network, as 192.0.2.0%2F24 or 2001:db8::%2F32 ("/" as %2F), without bits past its prefix')

const user = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= USER_BYTES_MAX, `must have at most ${USER_BYTES_MAX} bytes`)
  .refine(isPlainText, 'must be text without control characters')

const fingerprint = z.string().regex(/^[0-9a-f]{16}$/, 'must be 16 hexadecimal digits in small letters')

const VALUES: Record<ListKind, z.ZodType<string, string>> = { address, cidr, user, fingerprint }

/** The value of a path, named as `value` in what is said of it. */
export function valueOfKind(kind: ListKind) {
  return z.object({ value: VALUES[kind] })
}

/** `until` is checked against the ledger's clock by whoever has it. */
export const listEntryBody = z.strictObject({
  reason: z.string().max(REASON_LENGTH_MAX).refine(isPlainText, 'must be text without control characters').default(''),
  until: z.iso
    .datetime({ offset: true, error: 'must be an RFC 3339 time, as 2030-01-31T12:00:00.000Z' })
    .transform((text) => Date.parse(text))
    .refine((ms) => ms < YEAR_2100_MS, 'must be a time before 2100; leave it out for an entry that does not end')
    .optional(),
})
