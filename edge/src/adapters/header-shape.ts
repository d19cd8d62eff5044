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

interface Header {
  key_bytes: number
  key: ffi.CArray
  value_bytes: number
  value: ffi.CArray
}

interface Known {
  /** lower case */
  name: string
  /** as it was written: all lower case, or each word with a capital */
  written: string
  number: number
  is_encoding: boolean
}

const library = ffi.C as unknown as Library
// declared by resty.core.request; looked at through a flat struct of ours, because each look into one within another makes a reference
const elements = ffi.new<ffi.CData>('ngx_http_lua_ffi_table_elt_t[?]', HEADERS_MAX)
ffi.cdef(`
  typedef struct {
    int key_bytes; const unsigned char *key;
    int value_bytes; const unsigned char *value;
  } rushgate_header;
`)
const headers = ffi.cast<ffi.CData>('rushgate_header *', elements) as unknown as Record<number, Header>
const truncated = ffi.new<ffi.CData>('int[1]')

function randomBelow(limit: number): number {
  const bytes = randomBytes(4)
  let value = 0
  for (const i of $range(1, 4)) value = value * 256 + (string.byte(bytes, i) ?? 0)
  return value % limit
}

// names are told apart by length, first, middle and the last two letters: below it is checked that these do
function keyOf(length: number, first: number, middle: number, last_but_one: number, last: number): number {
  return (((length * 67 + first) * 67 + middle) * 67 + last_but_one) * 67 + last
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
      known.set(key, {
        name,
        written: is_ordered ? written : name,
        number: is_ordered ? randomBelow(PRIME) : number,
        is_encoding: name === 'accept-encoding',
      })
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
    return library.ngx_http_lua_ffi_req_get_headers(request, elements, count, 1) === 0 ? count : 0
  }

  function find(header: Header): Known | undefined {
    const length = header.key_bytes
    if (length < 2) return undefined
    const text = header.key
    // >> 1 is half, in whole numbers
    return known.get(
      keyOf(
        length,
        text[0] as number,
        text[length >> 1] as number,
        text[length - 2] as number,
        text[length - 1] as number,
      ),
    )
  }

  /** What an Accept-Encoding is like: its length and first letter tell those in use apart. */
  function encodingOf(header: Header): number {
    return header.value_bytes <= 0 ? 0 : header.value_bytes * 256 + (header.value[0] as number)
  }

  // 0.4 µs; with a while loop and structs in structs it was 3 µs
  function code(): number {
    const last = readElements() - 1
    let sum = 1
    for (const i of $range(0, last)) {
      const header = headers[i] as Header
      const found = find(header)
      if (found !== undefined) {
        let number = found.number
        if (found.is_encoding) number = (number + encodingOf(header) * factor) % PRIME
        sum = is_ordered ? (sum * factor + number) % PRIME : (sum + number) % PRIME
      }
    }
    return sum
  }

  function names(): string {
    const last = readElements() - 1
    const found: string[] = []
    for (const i of $range(0, last)) {
      const header = headers[i] as Header
      const one = find(header)
      if (one !== undefined) {
        table.insert(found, one.is_encoding ? one.written + '~' + tostring(encodingOf(header)) : one.written)
      }
    }
    if (!is_ordered) table.sort(found)
    return found.length === 0 ? '' : table.concat(found, '\n') + '\n'
  }

  return { is_ordered, code, names }
}
