// Client addresses: who is at the other end, as one canonical text, believed only as far as the proxies that say so are.
//
// Nothing here throws, whatever it is given: what is no address is undefined, and a chain of proxies ends at the last
// address that can be believed.

const GROUP = 65536
const COLON = 58
const DOT = 46
const DIGIT_0 = 48
const DIGIT_9 = 57
const SMALL_A = 97
const SMALL_F = 102
const CAPITAL_A = 65
const CAPITAL_F = 70
const V4_GROUPS = 2
const V6_GROUPS = 8
/** the longest text of an address, mapped IPv4 written out; longer is none */
const TEXT_LENGTH_MAX = 45
/** hops of X-Forwarded-For that are looked at, from the right */
const HOPS_MAX = 32

/** Groups of 16 bits, the first one highest: 2 for IPv4, 8 for IPv6. IPv4 written as IPv6 (::ffff:1.2.3.4) is IPv4. */
export interface Address {
  groups: number[]
}

export interface Network {
  groups: number[]
  /** how many bits, from the left, an address must share */
  bits: number
}

/** Which word of a trusted proxy is taken for the client's address. */
export type AddressSource = 'x_forwarded_for' | 'x_real_ip' | 'proxy_protocol'

function parseV4Groups(text: string, from: number): number[] | undefined {
  const bytes: number[] = []
  let value = 0
  let digits = 0
  for (let i = from; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT
    if (code === DOT) {
      if (digits === 0 || value > 255) return undefined
      bytes.push(value)
      value = 0
      digits = 0
    } else {
      // a leading zero is octal to some and decimal to others: it is nothing here
      if (code < DIGIT_0 || code > DIGIT_9 || digits === 3 || (digits === 1 && value === 0)) return undefined
      value = value * 10 + (code - DIGIT_0)
      digits += 1
    }
  }
  if (bytes.length !== 4) return undefined
  return [(bytes[0] as number) * 256 + (bytes[1] as number), (bytes[2] as number) * 256 + (bytes[3] as number)]
}

function hexDigit(code: number): number {
  if (code >= DIGIT_0 && code <= DIGIT_9) return code - DIGIT_0
  if (code >= SMALL_A && code <= SMALL_F) return code - SMALL_A + 10
  if (code >= CAPITAL_A && code <= CAPITAL_F) return code - CAPITAL_A + 10
  return -1
}

/** The groups of one side of "::", or of the whole; undefined when it is none. An empty side has none. */
function parseV6Side(text: string): number[] | undefined {
  const groups: number[] = []
  if (text === '') return groups
  let value = 0
  let digits = 0
  let begin = 0
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : COLON
    if (code === COLON) {
      if (digits === 0) return undefined
      groups.push(value)
      value = 0
      digits = 0
      begin = i + 1
    } else if (code === DOT) {
      const v4 = parseV4Groups(text, begin)
      if (v4 === undefined) return undefined
      groups.push(v4[0] as number)
      groups.push(v4[1] as number)
      return groups
    } else {
      const digit = hexDigit(code)
      if (digit < 0 || digits === 4) return undefined
      value = value * 16 + digit
      digits += 1
    }
  }
  return groups
}

function parseV6(text: string): Address | undefined {
  const gap = text.indexOf('::')
  const left = parseV6Side(gap < 0 ? text : text.substring(0, gap))
  if (left === undefined) return undefined
  if (gap >= 0) {
    const right = parseV6Side(text.substring(gap + 2))
    if (right === undefined || left.length + right.length >= V6_GROUPS) return undefined
    // dotted decimal stands at the end only
    if (gap > 0 && text.substring(0, gap).indexOf('.') >= 0) return undefined
    while (left.length + right.length < V6_GROUPS) left.push(0)
    for (const group of right) left.push(group)
  }
  if (left.length !== V6_GROUPS) return undefined
  for (let i = 0; i < 5; i++) if (left[i] !== 0) return { groups: left }
  if (left[5] !== GROUP - 1) return { groups: left }
  return { groups: [left[6] as number, left[7] as number] }
}

/** undefined when the text is no address. No zones, no ports, no brackets: see `hopText`. */
export function parseAddress(text: string): Address | undefined {
  if (text === '' || text.length > TEXT_LENGTH_MAX) return undefined
  if (text.indexOf(':') >= 0) return parseV6(text)
  const groups = parseV4Groups(text, 0)
  return groups === undefined ? undefined : { groups }
}

const HEX = '0123456789abcdef'

function hexText(group: number): string {
  let text = ''
  let rest = group
  do {
    const digit = rest % 16
    text = HEX.substring(digit, digit + 1) + text
    rest = (rest - digit) / 16
  } while (rest > 0)
  return text
}

/** The canonical text: dotted decimal, or RFC 5952 (small letters, the longest run of zeros cut out). */
export function addressText(address: Address): string {
  const groups = address.groups
  if (groups.length === V4_GROUPS) {
    const high = groups[0] as number
    const low = groups[1] as number
    return Math.floor(high / 256) + '.' + (high % 256) + '.' + Math.floor(low / 256) + '.' + (low % 256)
  }
  let best = -1
  let best_length = 1
  let from = -1
  for (let i = 0; i <= V6_GROUPS; i++) {
    if (i < V6_GROUPS && groups[i] === 0) {
      if (from < 0) from = i
    } else if (from >= 0) {
      if (i - from > best_length) {
        best = from
        best_length = i - from
      }
      from = -1
    }
  }
  let text = ''
  for (let i = 0; i < V6_GROUPS; i++) {
    if (i === best) {
      text = text + '::'
      i = i + best_length - 1
    } else {
      text = text + (text === '' || (i === best + best_length && best >= 0) ? '' : ':') + hexText(groups[i] as number)
    }
  }
  return text
}

/** "10.0.0.0/8", "2001:db8::/32", or an address alone; undefined for anything else, bits set past the prefix included. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.substring(0, slash))
  if (address === undefined) return undefined
  const bits_max = address.groups.length * 16
  let bits = bits_max
  if (slash >= 0) {
    bits = decimal(text.substring(slash + 1))
    // a mapped prefix counts from the left of the IPv6 text
    if (address.groups.length === V4_GROUPS && text.indexOf(':') >= 0) bits = bits - 96
    if (!(bits >= 0 && bits <= bits_max)) return undefined
  }
  const cut = cutTo(address, bits)
  for (let i = 0; i < cut.length; i++) if (cut[i] !== address.groups[i]) return undefined
  return { groups: address.groups, bits }
}

/** -1 for what is not one to three digits */
function decimal(text: string): number {
  if (text === '' || text.length > 3) return -1
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < DIGIT_0 || code > DIGIT_9) return -1
    value = value * 10 + (code - DIGIT_0)
  }
  return value
}

function powerOfTwo(exponent: number): number {
  let value = 1
  for (let i = 0; i < exponent; i++) value = value * 2
  return value
}

/** The groups with everything past the first `bits` set to zero. */
function cutTo(address: Address, bits: number): number[] {
  const cut: number[] = []
  let left = bits
  for (const group of address.groups) {
    if (left >= 16) cut.push(group)
    else if (left <= 0) cut.push(0)
    else cut.push(group - (group % powerOfTwo(16 - left)))
    left = left - 16
  }
  return cut
}

/** "10.0.0.0/8", also for a network of one address. */
export function networkText(network: Network): string {
  return addressText(network) + '/' + network.bits
}

/** The network of so many bits that the address is in; undefined when addresses of its kind are shorter. */
export function networkOf(address: Address, bits: number): Network | undefined {
  if (bits > address.groups.length * 16) return undefined
  return { groups: cutTo(address, bits), bits }
}

export function isInNetwork(address: Address, network: Network): boolean {
  if (address.groups.length !== network.groups.length) return false
  const cut = cutTo(address, network.bits)
  for (let i = 0; i < cut.length; i++) if (cut[i] !== network.groups[i]) return false
  return true
}

function isInAny(address: Address, networks: readonly Network[]): boolean {
  for (const network of networks) if (isInNetwork(address, network)) return true
  return false
}

/** The address with all but its first `bits` cut off, as "2001:db8:1:2::/64"; it may be shorter than `bits` itself. */
export function prefixText(address: Address, bits: number): string {
  const all = address.groups.length * 16
  if (bits >= all) return addressText(address)
  return addressText({ groups: cutTo(address, bits) }) + '/' + bits
}

/** One hop as proxies write it: spaces around it, a port behind it, IPv6 in brackets. */
function hopText(hop: string): string {
  let from = 0
  let to = hop.length
  while (from < to && isSpace(hop.charCodeAt(from))) from += 1
  while (to > from && isSpace(hop.charCodeAt(to - 1))) to -= 1
  const text = hop.substring(from, to)
  if (text.substring(0, 1) === '[') {
    const end = text.indexOf(']')
    return end < 0 ? '' : text.substring(1, end)
  }
  const colon = text.indexOf(':')
  // one colon alone is a port's; two are IPv6
  if (colon > 0 && text.indexOf(':', colon + 1) < 0) return text.substring(0, colon)
  return text
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9
}

/**
 * Reads X-Forwarded-For from the right: each hop was written by the one after it, so it is believed as long as that one is
 * trusted. The first that is not trusted is the client. What cannot be read ends the walk at the last that could.
 */
function fromForwardedFor(peer: Address, header: string, trusted: readonly Network[]): Address {
  let client = peer
  let end = header.length
  for (let hops = 0; hops < HOPS_MAX; hops++) {
    const comma = lastComma(header, end)
    const hop = parseAddress(hopText(header.substring(comma + 1, end)))
    if (hop === undefined) return client
    client = hop
    if (comma < 0 || !isInAny(hop, trusted)) return client
    end = comma
  }
  return client
}

/** Position of the last comma before `end`; -1 for none. */
function lastComma(text: string, end: number): number {
  for (let i = end - 1; i >= 0; i--) if (text.charCodeAt(i) === 44) return i
  return -1
}

/** The client's address: the peer's, unless the peer is a trusted proxy. `word`: what that proxy says; '' for nothing. */
export function clientAddress(peer: string, word: string, source: AddressSource, trusted: readonly Network[]): string {
  const from = parseAddress(peer)
  if (from === undefined) return peer
  if (word === '' || !isInAny(from, trusted)) return addressText(from)
  if (source === 'x_forwarded_for') return addressText(fromForwardedFor(from, word, trusted))
  const said = parseAddress(hopText(word))
  return addressText(said ?? from)
}
