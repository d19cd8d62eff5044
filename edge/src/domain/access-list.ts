// Allow and deny lists: what they say of an address, a user or a fingerprint. The allow list is asked first, and beats the other.
//
// Entries are found by key, one look-up for each that could be there: of networks only those lengths are tried that are on
// the list, and a list without entries of a kind is not asked at all.
import type { FollowedLists, ListKind, ListName, ListUse } from '../../../contract/followed-lists'
import { type Address, networkOf, networkText, parseAddress } from './address'

export interface ListStore {
  has: (this: void, key: string) => boolean
}

export type ListsUse = FollowedLists['in_use']

export interface Standing {
  word: 'none' | 'allow' | 'deny'
  /** the entry that says so, for the operator: its kind, and its value where the request does not tell that anyway */
  entry: string
}

export const NO_STANDING: Standing = { word: 'none', entry: '' }

function noUse(): ListUse {
  return { address: 0, cidr: 0, user: 0, fingerprint: 0, v4_bits: [], v6_bits: [] }
}

export function noLists(): ListsUse {
  return { deny: noUse(), allow: noUse() }
}

/** Under which key an entry is kept. */
export function listKey(list: ListName, kind: ListKind, value: string): string {
  return list + ' ' + kind + ' ' + value
}

function ofList(list: ListName, entry: string): Standing {
  return { word: list, entry }
}

function networkOn(store: ListStore, list: ListName, use: ListUse, address: Address): Standing | undefined {
  const lengths = address.groups.length === 2 ? use.v4_bits : use.v6_bits
  for (const bits of lengths) {
    const network = networkOf(address, bits)
    if (network !== undefined) {
      const text = networkText(network)
      if (store.has(listKey(list, 'cidr', text))) return ofList(list, 'cidr ' + text)
    }
  }
  return undefined
}

function addressOn(store: ListStore, list: ListName, use: ListUse, text: string): Standing | undefined {
  if (use.address > 0 && store.has(listKey(list, 'address', text))) return ofList(list, 'address')
  if (use.cidr === 0) return undefined
  const address = parseAddress(text)
  return address === undefined ? undefined : networkOn(store, list, use, address)
}

/** `text`: an address in its canonical form. */
export function standingOfAddress(store: ListStore, use: ListsUse, text: string): Standing {
  return addressOn(store, 'allow', use.allow, text) ?? addressOn(store, 'deny', use.deny, text) ?? NO_STANDING
}

export function standingOfUser(store: ListStore, use: ListsUse, user: string): Standing {
  if (use.allow.user > 0 && store.has(listKey('allow', 'user', user))) return ofList('allow', 'user')
  if (use.deny.user > 0 && store.has(listKey('deny', 'user', user))) return ofList('deny', 'user')
  return NO_STANDING
}

export function standingOfFingerprint(store: ListStore, use: ListsUse, text: string): Standing {
  const entry = 'fingerprint ' + text
  if (use.allow.fingerprint > 0 && store.has(listKey('allow', 'fingerprint', text))) return ofList('allow', entry)
  if (use.deny.fingerprint > 0 && store.has(listKey('deny', 'fingerprint', text))) return ofList('deny', entry)
  return NO_STANDING
}
