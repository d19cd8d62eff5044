/** @noSelfInFile */
// lua-cjson 2.1 with OpenResty's additions: module `cjson` raises errors, `cjson.safe` answers (undefined, error).
//
// An empty Lua table is encoded as {} : use `empty_array`, or give the table `array_mt`. Strings are bytes: invalid UTF-8
// passes through unchecked, both ways. Numbers are written with 14 significant digits.

declare module 'cjson' {
  /** Raises for functions, threads, cdata, NaN, infinities, tables nested deeper than 1000 and mixed keys. */
  export function encode(value: unknown): string
  /** Raises with the place ("… at character 7"). JSON's null becomes `cjson.null`, which is `ngx.null`. */
  export function decode(text: string): unknown
  export function encode_empty_table_as_object(as_object: boolean): void
  export function decode_array_with_array_mt(enabled: boolean): void
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
  /** Metatable that makes a table an array, empty or not. */
  export const array_mt: object
  export const empty_array_mt: object
  /** Encodes as [] */
  export const empty_array: ngx.Null
  const nothing: ngx.Null
  type Cjson = typeof import('cjson')
  /** An instance with settings of its own: the module's are shared by everything in the worker. */
  function create(): Cjson

  export { create as new, nothing as null }
}

declare module 'cjson.safe' {
  export function encode(value: unknown): LuaMultiReturn<[text: string] | [text: undefined, err: string]>
  /** (undefined, error) for text that is not JSON; the value itself is never nil, JSON's null is `cjson.null`. */
  export function decode(
    text: string,
  ): LuaMultiReturn<[value: string | number | boolean | object, err: undefined] | [value: undefined, err: string]>
  export function encode_empty_table_as_object(as_object: boolean): void
  export function decode_array_with_array_mt(enabled: boolean): void
  export function encode_max_depth(depth?: number): number
  export function decode_max_depth(depth?: number): number
  export function encode_number_precision(digits?: number): number
  export function decode_invalid_numbers(allow?: boolean): boolean
  export const array_mt: object
  export const empty_array: ngx.Null
  const nothing: ngx.Null
  type CjsonSafe = typeof import('cjson.safe')
  function create(): CjsonSafe

  export { create as new, nothing as null }
}
