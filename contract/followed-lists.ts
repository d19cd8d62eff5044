// Allow and deny lists as the gates follow them: the answer of GET /internal/lists, a long poll.

export const LISTS = ['deny', 'allow'] as const
export type ListName = (typeof LISTS)[number]

export const LIST_KINDS = ['address', 'cidr', 'user', 'fingerprint'] as const
export type ListKind = (typeof LIST_KINDS)[number]

/** Entries of both lists together: a gate has room for them in shared memory, and for all of them in one answer, however long their names. */
export const LIST_ENTRIES_MAX = 20000

export interface ListChange {
  list: ListName
  kind: ListKind
  /** canonical: addresses and networks as edge/src/domain/address.ts writes them */
  value: string
  /** the entry ends by itself then; 0: never */
  until_ms: number
  /** it is no longer on the list */
  removed: boolean
}

/** What is on one list, so that a gate looks nothing up in vain. */
export interface ListUse {
  address: number
  cidr: number
  user: number
  fingerprint: number
  /** the lengths of its networks, each once, the longest first */
  v4_bits: number[]
  v6_bits: number[]
}

export interface FollowedLists {
  /** only ever rises */
  version: number
  /** false: `changes` are what has changed since the version that was asked for, in that order; true: they are all there is */
  complete: boolean
  changes: ListChange[]
  in_use: { deny: ListUse; allow: ListUse }
}
