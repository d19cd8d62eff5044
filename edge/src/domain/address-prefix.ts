// Under what a client is counted: its address, or as much of it as one household or one network has.
import { type Address, parseAddress, prefixText } from './address'

/** addresses that a worker remembers */
const PREFIXES_MAX = 4096

/** Remembers the prefixes of the addresses that come again and again. */
export function addressPrefixes(v4_bits: number, v6_bits: number): (this: void, address: string) => string {
  let known: Record<string, string> = {}
  let count = 0
  return (text) => {
    // a whole IPv4 address is its own prefix
    if (v4_bits === 32 && text.indexOf(':') < 0) return text
    const kept = known[text]
    if (kept !== undefined) return kept
    const address: Address | undefined = parseAddress(text)
    const prefix = address === undefined ? text : prefixText(address, address.groups.length === 2 ? v4_bits : v6_bits)
    if (count >= PREFIXES_MAX) {
      known = {}
      count = 0
    }
    known[text] = prefix
    count += 1
    return prefix
  }
}
