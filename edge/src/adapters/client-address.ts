// The client's address, once a request: the peer's as nginx has it, or what a trusted proxy says (domain/address.ts).
//
// Without trusted proxies it costs one variable. With them, what was worked out for a peer and its word is kept.
import { type AddressSource, clientAddress, type Network, parseNetwork } from '../domain/address'
import type { ClientSettings } from '../kernel/config'
import { variable } from './nginx-calls'

/** entries kept in a worker; past it the table begins anew */
const KEPT_MAX = 4096
/** a longer header is not kept, so that nobody fills the worker's memory with it */
const KEPT_WORD_LENGTH_MAX = 256

const WORDS: Record<AddressSource, string> = {
  x_forwarded_for: 'http_x_forwarded_for',
  x_real_ip: 'http_x_real_ip',
  proxy_protocol: 'proxy_protocol_addr',
}

/** Reads the address of the request that is being served. */
export function addressReader(settings: ClientSettings): (this: void) => string {
  const trusted: Network[] = []
  for (const text of settings.trusted_proxies) table.insert(trusted, parseNetwork(text) as Network)
  const source = settings.address_from
  const word_variable = WORDS[source]
  let kept = new LuaTable<string, string>()
  let kept_count = 0

  function read(): string {
    const peer = variable('remote_addr') ?? ''
    // IPv4 on a listener for IPv6 is written ::ffff:1.2.3.4
    if (trusted.length === 0 && string.byte(peer, 3) !== 0x66) return peer
    const word = trusted.length === 0 ? '' : (variable(word_variable) ?? '')
    const key = peer + ' ' + word
    const known = kept.get(key)
    if (known !== undefined) return known
    const address = clientAddress(peer, word, source, trusted)
    if (word.length <= KEPT_WORD_LENGTH_MAX) {
      if (kept_count >= KEPT_MAX) {
        kept = new LuaTable()
        kept_count = 0
      }
      kept.set(key, address)
      kept_count += 1
    }
    return address
  }

  return read
}
