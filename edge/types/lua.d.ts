/** @noSelfInFile */
// Lua's standard library as LuaJIT has it, from the package lua-types, minus its LuaJIT file: that one declares `ffi` as a
// global (it is a module: see ffi.d.ts) and types it with `any`. What it would add is declared here instead.

/// <reference path="../../node_modules/lua-types/core/index.d.ts" />
/// <reference path="../../node_modules/lua-types/special/5.1-or-jit.d.ts" />
/// <reference path="../../node_modules/lua-types/special/5.2-or-jit.d.ts" />
/// <reference path="../../node_modules/lua-types/special/5.2-plus-or-jit.d.ts" />
/// <reference path="../../node_modules/lua-types/special/5.3-pre.d.ts" />
/// <reference path="../../node_modules/lua-types/special/5.4-pre.d.ts" />

/**
 * LuaJIT's bit operations, as a module: TypeScriptToLua cannot name the global `bit` itself, and emits calls to it for
 * `&`, `|`, `^`, `<<`, `>>`, `>>>`. All of them, the operators included, work on signed 32-bit integers: arguments outside
 * ±2^51 give undefined results, and results of 2^31 and more come back negative (so `>>>` is not JavaScript's).
 */
declare module 'bit' {
  /** Brings a number into the signed 32-bit range. */
  export function tobit(x: number): number
  /** `digits` hex digits (8 when left out), lower case; a negative count gives upper case. */
  export function tohex(x: number, digits?: number): string
  export function bnot(x: number): number
  export function band(x: number, ...rest: number[]): number
  export function bor(x: number, ...rest: number[]): number
  export function bxor(x: number, ...rest: number[]): number
  /** Only the lower 5 bits of `n` count, here and in the other shifts. */
  export function lshift(x: number, n: number): number
  export function rshift(x: number, n: number): number
  export function arshift(x: number, n: number): number
  export function rol(x: number, n: number): number
  export function ror(x: number, n: number): number
  export function bswap(x: number): number
}

declare namespace jit {
  /** Compiles traces (the default). With a function, or `true` for the caller: only that one. */
  function on(func?: ((this: void, ...args: never[]) => unknown) | true, recursive?: boolean): void
  function off(func?: ((this: void, ...args: never[]) => unknown) | true, recursive?: boolean): void
  function flush(): void
  namespace opt {
    /** Parameters as `-O` takes them: 'hotloop=56', 'maxtrace=1000', 'maxirconst=500' … */
    function start(...options: string[]): void
  }
  function status(): LuaMultiReturn<[enabled: boolean, ...features: string[]]>
  const version: string
  const version_num: number
  const os: 'Windows' | 'Linux' | 'OSX' | 'BSD' | 'POSIX' | 'Other'
  const arch: 'x86' | 'x64' | 'arm' | 'arm64' | 'arm64be' | 'ppc' | 'mips' | 'mipsel' | 'mips64' | 'mips64el'
}

/** Shapes of LuaJIT's functions that are modules themselves: `const new_table = require('table.new') as luajit.TableNew`. */
declare namespace luajit {
  /** A table with room for `array` elements and `hash` keys, so that filling it does not rehash. */
  type TableNew = (this: void, array: number, hash: number) => object
  /** Empties a table and keeps its memory. */
  type TableClear = (this: void, table: object) => void
  /** Number of keys of any kind (OpenResty's LuaJIT). */
  type TableNkeys = (this: void, table: object) => number
}
