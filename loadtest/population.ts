// Who comes in `mixed` and in `bench -- bots`: people, and the strategies of those who want more than their share. Data only;
// how each behaves is in scenarios/bots.ts.

export interface Strategy {
  name: string
  /** what it does, and what it knows of this site */
  says: string
  /** sessions it has where a thousand people come, in proportion elsewhere; 0: it does without */
  accounts: number
  /** machines that work for it at the same time, each a user of k6 */
  machines: number
  /** between two requests of one machine; 0: as it is told */
  pause_ms: number
}

/**
 * All of them have read the pages' scripts: they know each path, sign requests and solve challenges where they do not say otherwise.
 * None can forge a signature, and accounts cost them what they cost people.
 */
export const STRATEGIES: readonly Strategy[] = [
  {
    name: 'fast',
    says: 'Comes in the moment of the opening, polls twenty times a second whatever it is told, buys without a thought. Knows everything; takes no part in the draw.',
    accounts: 10,
    machines: 24,
    pause_ms: 40,
  },
  {
    name: 'slow',
    says: 'Behaves as people do, with the headers of a browser, think times and all; nothing tells it apart but that it comes again.',
    accounts: 10,
    machines: 10,
    pause_ms: 0,
  },
  {
    name: 'cookieless',
    says: 'Asks for tickets, challenges and units without a session, in the hope that one path forgot to look.',
    accounts: 0,
    machines: 24,
    pause_ms: 25,
  },
  {
    name: 'ipv6_farm',
    says: 'Each request from another /64 of its own /48, so that limits by address see each of them once.',
    accounts: 10,
    machines: 24,
    pause_ms: 30,
  },
  {
    name: 'shared_address',
    says: 'Hides behind the address of an office where people shop too, and asks twenty times a second from there.',
    accounts: 10,
    machines: 24,
    pause_ms: 40,
  },
  {
    name: 'token_sharing',
    says: 'One account on many machines: all use its session, its ticket and its pass at the same time, each with keys of its own.',
    accounts: 1,
    machines: 24,
    pause_ms: 30,
  },
  {
    name: 'native_proof',
    says: 'Solves challenges in native code, asks a hundred times for its place in the draw, polls twice as often as told.',
    accounts: 10,
    machines: 24,
    pause_ms: 25,
  },
  {
    name: 'replay',
    says: 'Sends what was accepted once again: requests, signatures, passes and proofs, under its own and its other sessions.',
    accounts: 5,
    machines: 24,
    pause_ms: 30,
  },
  {
    name: 'pretender',
    says: 'Says that it is a browser, or a search engine, with the headers of a script.',
    accounts: 10,
    machines: 24,
    pause_ms: 30,
  },
  {
    name: 'scraper',
    says: 'Reads page and stock as fast as it is let, without a session, so as to know the moment.',
    accounts: 0,
    machines: 24,
    pause_ms: 20,
  },
]

export interface PopulationSize {
  people: number
  units: number
  /** people come over this time, most of them before the opening */
  arrive_s: number
  opens_after_s: number
  /** from the opening on, at most */
  sells_s: number
}

export const SIZES: Record<'full' | 'small', PopulationSize> = {
  full: { people: 1000, units: 200, arrive_s: 20, opens_after_s: 15, sells_s: 40 },
  small: { people: 150, units: 30, arrive_s: 10, opens_after_s: 8, sells_s: 25 },
}

/** Of a hundred people so many share one of a few addresses: offices, and carriers' address translation. */
export const SHARED_OF_100 = 12
/** … and so many come by IPv6. */
export const IPV6_OF_100 = 30

export interface Account {
  user: string
  session: string
  signing_key: string
}

/** What the runner hands to scenarios/mixed.ts. */
export interface MixedRun {
  gate_url: string
  sale: string
  sku: string
  size: PopulationSize
  opens_ms: number
  ends_ms: number
  strategies: readonly Strategy[]
  seed: number
}

/** accounts.json: of people in the order in which they come, and of bots by strategy. */
export interface MixedAccounts {
  people: Account[]
  bots: Record<string, Account[]>
}

/**
 * What one visitor prints: who, requests sent, answers by ask and result ("reserve 202"), and what was asked with which key,
 * for the checkers. Answers as in run-file.ts.
 */
export interface PrintedVisit {
  /** "person", or the strategy */
  who: string
  user: string
  began_ms: number
  requests: number
  results: Record<string, number>
  attempts: { key: string; answers: import('./run-file').PrintedAnswer[] }[]
}
