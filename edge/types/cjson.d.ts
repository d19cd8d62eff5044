/** @noSelfInFile */
// lua-cjson 2.1: module `cjson` raises errors, `cjson.safe` answers (undefined, error).
//
// Strings are bytes: invalid UTF-8 passes through unchecked, both ways. Numbers are written with 14 significant digits.
// An empty Lua table is encoded as {}; OpenResty's build can also write [], Debian's cannot: what only the former has is
// typed as perhaps undefined.

declare module 'cjson' {
  /** Raises for functions, threads, cdata, NaN, infinities, tables nested deeper than 1000 and mixed keys. */
  export function encode(value: unknown): string
  /** Raises with the place ("… at character 7"). JSON's null becomes `cjson.null`, which is `ngx.null`. */
  export function decode(text: string): unknown
  /** `convert`: write sparse arrays as objects instead of raising. */
  export function encode_sparse_array(
    convert?: boolean,
    ratio?: number,
    safe?: number,
  ): LuaMultiReturn<[convert: boolean, ratio: number, safe: number]>
  export function encode_max_depth(depth?: number): number
  export function decode_max_depth(depth?: number): number
  export function encode_number_precision(digits?: number): number
  export function encode_keep_buffer(keep?: boolean): boolean
  export function encode_invalid_numbers(allow?: boolean | 'null'): boolean | 'null'
  export function decode_invalid_numbers(allow?: boolean): boolean
  export const encode_empty_table_as_object: ((this: void, as_object: boolean) => void) | undefined
  export const decode_array_with_array_mt: ((this: void, enabled: boolean) => void) | undefined
  /** Metatable that makes a table an array, empty or not. */
  export const array_mt: object | undefined
  /** Encodes as [] */
  export const empty_array: ngx.Null | undefined
  const nothing: ngx.Null
  type Cjson = typeof import('cjson')
  /** An instance with settings of its own: the module's are shared by everything in the worker. */
  function create(): Cjson

  export { create as new, nothing as null }
}

declare module 'cjson.safe' {
  export function encode(value: unknown): LuaMultiReturn<[text: string] | [text: undefined, err: string]>
  /** The value itself is never nil: JSON's null is `cjson.null`. */
  export function decode(
    text: string,
  ): LuaMultiReturn<[value: string | number | boolean | object, err: undefined] | [value: undefined, err: string]>
  export function encode_max_depth(depth?: number): number
  export function decode_max_depth(depth?: number): number
  export function encode_number_precision(digits?: number): number
  export function decode_invalid_numbers(allow?: boolean): boolean
  export const encode_empty_table_as_object: ((this: void, as_object: boolean) => void) | undefined
  export const array_mt: object | undefined
  export const empty_array: ngx.Null | undefined
  const nothing: ngx.Null
  type CjsonSafe = typeof import('cjson.safe')
  function create(): CjsonSafe

  export { create as new, nothing as null }
}
