// Whether a crawler is who it says: by the address ranges that its owner publishes, or by names in the DNS, asked for elsewhere.
//
// Ranges are looked up by length: of a few thousand networks only as many as they have lengths are tried.
import { type Address, type Network, networkOf, networkText, parseNetwork } from './address'

export type CrawlerStanding =
  /** from where its owner says that it comes from */
  | 'verified'
  /** from somewhere else: somebody who uses its name */
  | 'false'
  /** nobody knows, or nobody knows yet */
  | 'unverified'

export interface Ranges {
  /** networks by their texts */
  has: Record<string, true | undefined>
  v4_bits: number[]
  v6_bits: number[]
  count: number
}

/** Google publishes some 1,500 for all its crawlers, the largest list. */
export const RANGES_MAX = 20_000

export function noRanges(): Ranges {
  return { has: {}, v4_bits: [], v6_bits: [], count: 0 }
}

function addOnce(list: number[], value: number): void {
  for (const each of list) if (each === value) return
  list.push(value)
}

export function addRange(ranges: Ranges, network: Network): void {
  const text = networkText(network)
  if (ranges.has[text] === true) return
  ranges.has[text] = true
  ranges.count = ranges.count + 1
  addOnce(network.groups.length === 2 ? ranges.v4_bits : ranges.v6_bits, network.bits)
}

export function isInRanges(ranges: Ranges, address: Address): boolean {
  for (const bits of address.groups.length === 2 ? ranges.v4_bits : ranges.v6_bits) {
    const network = networkOf(address, bits)
    if (network !== undefined && ranges.has[networkText(network)] === true) return true
  }
  return false
}

/** What a decoded file says, as Google, Bing and Apple publish it: {"prefixes": [{"ipv4Prefix": …}, {"ipv6Prefix": …}]}; a sentence when it is none. */
export function readPublished(value: unknown): Ranges | string {
  const prefixes = typeof value === 'object' && value ? (value as { prefixes?: unknown }).prefixes : undefined
  if (typeof prefixes !== 'object' || !prefixes) return 'must be {"prefixes": [{"ipv4Prefix": "192.0.2.0/24"}]}'
  const list = prefixes as { ipv4Prefix?: unknown; ipv6Prefix?: unknown }[]
  if (list.length > RANGES_MAX) return 'has more than ' + RANGES_MAX + ' prefixes'
  const ranges = noRanges()
  for (let i = 0; i < list.length; i++) {
    const each = list[i] as { ipv4Prefix?: unknown; ipv6Prefix?: unknown } | undefined
    const text = typeof each === 'object' && each ? (each.ipv4Prefix ?? each.ipv6Prefix) : undefined
    const network = typeof text === 'string' ? parseNetwork(text) : undefined
    if (network === undefined) return 'prefixes[' + i + ']: is no network'
    // a slip of the pen that would make the whole world a crawler
    if (network.bits < 8) return 'prefixes[' + i + ']: is more than a /8'
    addRange(ranges, network)
  }
  return ranges.count === 0 ? 'has no prefixes' : ranges
}

/**
 * `by_name`: what the DNS says; undefined where it is not asked.
 * `has_ranges`: some are known. Without them nobody is false by not being in them.
 */
export function standingOf(
  in_ranges: boolean,
  has_ranges: boolean,
  by_name: CrawlerStanding | undefined,
): CrawlerStanding {
  if (in_ranges) return 'verified'
  if (by_name !== undefined) return by_name
  return has_ranges ? 'false' : 'unverified'
}
