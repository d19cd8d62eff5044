// Whether an address is a crawler's, by the DNS as the crawlers' owners describe it: the name of the address is in one of their
// domains, and that name leads back to the address. Anybody can give his own address any name, but not the way back.
//
// Guarantees: an answer within ANSWER_MS; at most LOOKUPS_MAX at once, more are unverified; 'false' only when the DNS has said so,
// never when it was silent or out of order.
import { Resolver } from 'node:dns/promises'
import { type Address, addressText, parseAddress } from '../../../edge/src/domain/address'
import type { CrawlerStanding } from '../../../edge/src/domain/crawlers'

const TRY_MS = 1500
const TRIES = 2
const ANSWER_MS = 5000
const LOOKUPS_MAX = 16
/** an address with more names than this is nobody's crawler */
const NAMES_MAX = 4

/** What the DNS says where there is nothing of the kind. */
const NOTHING_THERE = new Set(['ENOTFOUND', 'ENODATA'])

/** Of 192.0.2.7: 7.2.0.192.in-addr.arpa. */
function reverseName({ groups }: Address): string {
  const bytes = groups.flatMap((group) => [group >> 8, group & 255])
  if (groups.length === 2) return `${bytes.reverse().join('.')}.in-addr.arpa`
  const digits = bytes.flatMap((byte) => [(byte >> 4).toString(16), (byte & 15).toString(16)])
  return `${digits.reverse().join('.')}.ip6.arpa`
}

function isIn(name: string, domains: readonly string[]): boolean {
  const small = name.toLowerCase().replace(/\.$/, '')
  return domains.some((domain) => small === domain || small.endsWith(`.${domain}`))
}

/** An empty list where the DNS says that there is nothing; other failures are thrown. */
async function orNone(lookup: Promise<string[]>): Promise<string[]> {
  return lookup.catch((error: NodeJS.ErrnoException) => {
    if (NOTHING_THERE.has(error.code ?? '')) return []
    throw error
  })
}

export class CrawlerVerifier {
  private readonly resolver = new Resolver({ timeout: TRY_MS, tries: TRIES })
  private running = 0

  /** `servers`: none for those of the system. */
  constructor(servers: readonly string[] = []) {
    if (servers.length > 0) this.resolver.setServers(servers)
  }

  async look(address: Address, domains: readonly string[]): Promise<CrawlerStanding> {
    if (this.running >= LOOKUPS_MAX) return 'unverified'
    this.running += 1
    const asked = this.ask(address, domains)
      .catch((): CrawlerStanding => 'unverified')
      .finally(() => {
        this.running -= 1
      })
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<CrawlerStanding>((resolve) => {
      timer = setTimeout(() => resolve('unverified'), ANSWER_MS)
    })
    return Promise.race([asked, late]).finally(() => clearTimeout(timer))
  }

  private async ask(address: Address, domains: readonly string[]): Promise<CrawlerStanding> {
    const own = addressText(address)
    const names = await orNone(this.resolver.resolvePtr(reverseName(address)))
    for (const name of names.slice(0, NAMES_MAX)) {
      if (!isIn(name, domains)) continue
      const there = await orNone(
        address.groups.length === 2 ? this.resolver.resolve4(name) : this.resolver.resolve6(name),
      )
      for (const text of there) {
        const parsed = parseAddress(text)
        if (parsed !== undefined && addressText(parsed) === own) return 'verified'
      }
    }
    return 'false'
  }
}
