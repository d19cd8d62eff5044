import { describe, expect, it } from 'vitest'
import {
  type ListStore,
  type ListsUse,
  listKey,
  noLists,
  standingOfAddress,
  standingOfFingerprint,
  standingOfUser,
} from './access-list'

interface FakeLists {
  store: ListStore
  use: ListsUse
  keys: Record<string, boolean>
  /** how often it was looked */
  looks: number
}

function fakeLists(): FakeLists {
  const lists: FakeLists = { keys: {}, looks: 0, use: noLists() } as unknown as FakeLists
  lists.store = {
    has: (key) => {
      lists.looks += 1
      return lists.keys[key] === true
    },
  }
  return lists
}

function add(
  lists: FakeLists,
  list: 'deny' | 'allow',
  kind: 'address' | 'cidr' | 'user' | 'fingerprint',
  value: string,
) {
  lists.keys[listKey(list, kind, value)] = true
  const use = lists.use[list]
  use[kind] += 1
  if (kind !== 'cidr') return
  const bits = Number(value.substring(value.indexOf('/') + 1))
  const lengths = value.indexOf(':') >= 0 ? use.v6_bits : use.v4_bits
  if (lengths.indexOf(bits) < 0) lengths.push(bits)
}

function told(lists: FakeLists, address: string): string {
  const standing = standingOfAddress(lists.store, lists.use, address)
  return standing.word + (standing.entry === '' ? '' : ' ' + standing.entry)
}

describe('what the lists say of an address', () => {
  it('is nothing when they are empty, and nobody looks', () => {
    const lists = fakeLists()
    expect(told(lists, '192.0.2.1')).toBe('none')
    expect(standingOfUser(lists.store, lists.use, 'eve').word).toBe('none')
    expect(standingOfFingerprint(lists.store, lists.use, '0123456789abcdef').word).toBe('none')
    expect(lists.looks).toBe(0)
  })

  it('is found by one look for an address, and one for each length of networks', () => {
    const lists = fakeLists()
    add(lists, 'deny', 'address', '192.0.2.1')
    expect(told(lists, '192.0.2.1')).toBe('deny address')
    expect(told(lists, '192.0.2.2')).toBe('none')
    expect(lists.looks).toBe(2)
    add(lists, 'deny', 'cidr', '198.51.100.0/24')
    add(lists, 'deny', 'cidr', '203.0.113.0/24')
    add(lists, 'deny', 'cidr', '2001:db8::/32')
    lists.looks = 0
    expect(told(lists, '203.0.113.255')).toBe('deny cidr 203.0.113.0/24')
    expect(told(lists, '203.0.114.0')).toBe('none')
    expect(lists.looks).toBe(4)
    expect(told(lists, '2001:db8:ffff::1')).toBe('deny cidr 2001:db8::/32')
    expect(told(lists, '2001:db9::1')).toBe('none')
  })

  it('knows networks of every length, and keeps the two kinds of addresses apart', () => {
    for (let bits = 0; bits <= 32; bits++) {
      const lists = fakeLists()
      const inside = bits === 0 ? '0.0.0.0/0' : bits === 32 ? '128.0.0.0/32' : '128.0.0.0/' + bits
      add(lists, 'deny', 'cidr', inside)
      expect(told(lists, '128.0.0.0')).toBe('deny cidr ' + inside)
      expect(told(lists, '127.255.255.255')).toBe(bits === 0 ? 'deny cidr 0.0.0.0/0' : 'none')
      expect(told(lists, '8000::')).toBe('none')
    }
  })

  it('is allow where both lists name it', () => {
    const lists = fakeLists()
    add(lists, 'deny', 'cidr', '10.0.0.0/8')
    add(lists, 'allow', 'address', '10.1.2.3')
    expect(told(lists, '10.1.2.3')).toBe('allow address')
    expect(told(lists, '10.1.2.4')).toBe('deny cidr 10.0.0.0/8')
    add(lists, 'deny', 'address', '192.0.2.1')
    add(lists, 'allow', 'cidr', '192.0.2.0/24')
    expect(told(lists, '192.0.2.1')).toBe('allow cidr 192.0.2.0/24')
    add(lists, 'deny', 'user', 'eve')
    expect(standingOfUser(lists.store, lists.use, 'eve').word).toBe('deny')
    add(lists, 'allow', 'user', 'eve')
    expect(standingOfUser(lists.store, lists.use, 'eve').word).toBe('allow')
  })

  it('is nothing for what is no address', () => {
    const lists = fakeLists()
    add(lists, 'deny', 'cidr', '0.0.0.0/0')
    for (const text of ['', 'unix:', '999.1.1.1', 'a b']) expect(told(lists, text)).toBe('none')
  })
})
