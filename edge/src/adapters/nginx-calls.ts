// Time and variables of nginx for the path of a request.
//
// lua-resty-core's own ngx.now and ngx.var end in a tail call of a built-in, on which LuaJIT gives up: once one of them was hot it
// is blacklisted, and so is every trace that would have gone through it, which is every request's. These end in a local.
import * as ffi from 'ffi'
import * as base from 'resty.core.base'

/** nginx gives up on longer names, and we have none */
const NAME_LENGTH_MAX = 128
const FOUND = 0
const NOT_FOUND = -5

/** @noSelf */
interface Library {
  ngx_http_lua_ffi_now: () => number
  ngx_http_lua_ffi_var_get: (
    request: ffi.CData,
    name: string,
    length: number,
    lower: ffi.CData,
    capture: number,
    value: ffi.CData,
    bytes: ffi.CData,
    message: ffi.CData,
  ) => number
}

// declared by resty.core.time and resty.core.var
const library = ffi.C as unknown as Library
const lower = ffi.new<ffi.CData>('char[?]', NAME_LENGTH_MAX)
const value = ffi.new<ffi.CData>('unsigned char *[1]')
const bytes = ffi.new<ffi.CData>('size_t[1]')
const message = ffi.new<ffi.CData>('char *[1]')

function at<T>(pointer: ffi.CData): T {
  const first = (pointer as unknown as Record<number, T>)[0]
  return first as T
}

/** s, as nginx has it since it began with what it is at */
export function nowS(): number {
  const now_s = library.ngx_http_lua_ffi_now()
  return now_s
}

/** A variable of the request that is being served; undefined when it is not set. `name`: lower case. */
export function variable(name: string): string | undefined {
  const request = base.get_request()
  if (request === undefined || name.length > NAME_LENGTH_MAX) return undefined
  const outcome = library.ngx_http_lua_ffi_var_get(request, name, name.length, lower, 0, value, bytes, message)
  if (outcome === FOUND) {
    const text = ffi.string(at<ffi.CData>(value), at<number>(bytes))
    return text
  }
  if (outcome !== NOT_FOUND) error('nginx gives no variable ' + name, 0)
  return undefined
}
