/** @noSelfInFile */
// The parts of Lua 5.1's library that Redis leaves in its sandbox and that a script has a use for.

declare namespace string {
  /** One byte of the text, counted from 1; undefined outside. */
  function byte(text: string, at?: number): number | undefined
  function char(...bytes: number[]): string
  /** Counted from 1, both ends included; negative counts from the end. */
  function sub(text: string, from: number, to?: number): string
  /** `plain` true: no pattern. */
  function find(
    text: string,
    pattern: string,
    from?: number,
    plain?: boolean,
  ): LuaMultiReturn<[from: number, to: number, ...captures: string[]] | [from: undefined]>
  function match(text: string, pattern: string, from?: number): LuaMultiReturn<(string | undefined)[]>
  function gmatch(text: string, pattern: string): LuaIterable<LuaMultiReturn<[string, ...string[]]>>
  /** Answers the new text and how many were replaced. */
  function gsub(
    text: string,
    pattern: string,
    replacement: string | Record<string, string> | ((this: void, ...captures: string[]) => string),
    times?: number,
  ): LuaMultiReturn<[text: string, count: number]>
  function format(format: string, ...values: (string | number)[]): string
  function rep(text: string, times: number): string
  function len(text: string): number
}

declare namespace table {
  function concat(list: readonly (string | number)[], separator?: string, from?: number, to?: number): string
  function insert<T>(list: T[], value: T): void
  function remove<T>(list: T[], at?: number): T | undefined
  function sort<T>(list: T[], before?: (this: void, a: T, b: T) => boolean): void
}

declare namespace math {
  function floor(x: number): number
  function ceil(x: number): number
  function abs(x: number): number
  function min(x: number, ...rest: number[]): number
  function max(x: number, ...rest: number[]): number
  const huge: number
}

declare function tonumber(value: unknown, base?: number): number | undefined
declare function tostring(value: unknown): string
declare function type(value: unknown): 'nil' | 'number' | 'string' | 'boolean' | 'table' | 'function'
/** Ends the script with an error; what it wrote stays. */
declare function error(message: string, level?: number): never
declare function assert<V>(value: V, message?: string): Exclude<V, undefined | false>
declare function unpack<T>(list: readonly T[], from?: number, to?: number): LuaMultiReturn<T[]>
declare function ipairs<T>(list: readonly T[]): LuaIterable<LuaMultiReturn<[number, T]>>
declare function select(from: '#', ...values: unknown[]): number
declare function pcall<A extends unknown[], R>(
  body: (this: void, ...args: A) => R,
  ...args: A
): LuaMultiReturn<[ok: true, result: R] | [ok: false, err: unknown]>
