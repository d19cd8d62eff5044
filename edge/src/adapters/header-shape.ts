// The known headers of the request that is being served, in the order in which they came, straight from nginx' own list.
//
// Guarantee: two requests with the same code have the same known headers, written the same way, in the same order (up to hash
// collisions, which nobody can look for: the numbers are drawn anew in each worker). So what was once judged is looked up by it.
// No header becomes a Lua string for it: it costs one call and a loop over some 15 names.
//
// nginx keeps the order of HTTP/2 too. Behind proxies that speak HTTP order and writing are theirs: then only the set counts.
import * as ffi from 'ffi'
import * as base from 'resty.core.base'
import { KNOWN_HEADERS } from '../domain/header-shape'
import type { ClientSettings } from '../kernel/config'
import type { HeaderPort } from '../kernel/plugin'
import { randomBytes } from './crypto'

/** more are not looked at */
const HEADERS_MAX = 64
const PRIME = 2147483647

/** @noSelf */
interface Library {
  ngx_http_lua_ffi_req_get_headers_count: (request: ffi.CData, max: number, truncated: ffi.CData) => number
  ngx_http_lua_ffi_req_get_headers: (request: ffi.CData, out: ffi.CData, count: number, raw: number) => number
}

interface Text {
  len: number
  data: ffi.CArray
}

interface Element {
  key: Text
  value: Text
}

interface Known {
  /** lower case */
  name: string
  /** as it was written: all lower case, or each word with a capital */
  written: string
  number: number
}

const library = ffi.C as unknown as Library
// declared by resty.core.request
const elements = ffi.new<ffi.CData>('ngx_http_lua_ffi_table_elt_t[?]', HEADERS_MAX) as unknown as Record<
  number,
  Element
>
const truncated = ffi.new<ffi.CData>('int[1]')

function randomBelow(limit: number): number {
  const bytes = randomBytes(4)
  let value = 0
  for (const i of $range(1, 4)) value = value * 256 + (string.byte(bytes, i) ?? 0)
  return value % limit
}

// names are told apart by length, first, middle and the last two letters: below it is checked that these do
function keyOf(length: number, first: number, middle: number, last_but_one: number, last: number): number {
  return (((length * 256 + first) * 256 + middle) * 256 + last_but_one) * 256 + last
}

function keyOfText(name: string): number {
  const length = name.length
  const middle = string.byte(name, Math.floor(length / 2) + 1) ?? 0
  const last_but_one = string.byte(name, length - 1) ?? 0
  return keyOf(length, string.byte(name, 1) ?? 0, middle, last_but_one, string.byte(name, length) ?? 0)
}

function capitalised(name: string): string {
  const [written] = string.gsub('-' + name, '%-(%l)', (letter: string) => '-' + string.upper(letter))
  return string.sub(written, 2)
}

function knownHeaders(is_ordered: boolean): LuaTable<number, Known> {
  const known = new LuaTable<number, Known>()
  for (const name of KNOWN_HEADERS) {
    const number = randomBelow(PRIME)
    for (const written of [name, capitalised(name)]) {
      const key = keyOfText(written)
      const there = known.get(key)
      if (there !== undefined && there.written !== written) error('header names cannot be told apart: ' + written, 0)
      known.set(key, { name, written: is_ordered ? written : name, number: is_ordered ? randomBelow(PRIME) : number })
    }
  }
  return known
}

export function headerPort(clients: ClientSettings): HeaderPort {
  const is_ordered = clients.trusted_proxies.length === 0 || clients.address_from === 'proxy_protocol'
  const known = knownHeaders(is_ordered)
  // prime and random, below 2^21: code × factor stays a whole number
  const factor = 65537 + randomBelow(2031614)

  function readElements(): number {
    const request = base.get_request()
    if (request === undefined) return 0
    const count = library.ngx_http_lua_ffi_req_get_headers_count(request, HEADERS_MAX, truncated)
    if (count <= 0) return 0
    const into = elements as unknown as ffi.CData
    return library.ngx_http_lua_ffi_req_get_headers(request, into, count, 1) === 0 ? count : 0
  }

  function find(i: number): Known | undefined {
    const key = (elements[i] as Element).key
    const length = key.len
    if (length < 2) return undefined
    const data = key.data
    // >> 1 is half, in whole numbers
    return known.get(
      keyOf(
        length,
        data[0] as number,
        data[length >> 1] as number,
        data[length - 2] as number,
        data[length - 1] as number,
      ),
    )
  }

  /** What an Accept-Encoding is like: its length and first letter tell those in use apart. */
  function encodingOf(i: number): number {
    const value = (elements[i] as Element).value
    return value.len <= 0 ? 0 : value.len * 256 + (value.data[0] as number)
  }

  function code(): number {
    const count = readElements()
    let sum = 1
    for (let i = 0; i < count; i++) {
      const header = find(i)
      if (header !== undefined) {
        let number = header.number
        if (header.name === 'accept-encoding') number = (number + encodingOf(i) * factor) % PRIME
        sum = is_ordered ? (sum * factor + number) % PRIME : (sum + number) % PRIME
      }
    }
    return sum
  }

  function names(): string {
    const count = readElements()
    const found: string[] = []
    for (let i = 0; i < count; i++) {
      const header = find(i)
      if (header !== undefined) {
        let text = header.written
        if (header.name === 'accept-encoding') text = text + '~' + tostring(encodingOf(i))
        table.insert(found, text)
      }
    }
    if (!is_ordered) table.sort(found)
    return found.length === 0 ? '' : table.concat(found, '\n') + '\n'
  }

  return { is_ordered, code, names }
}
