/** @noSelfInFile */
// LuaJIT's FFI (https://luajit.org/ext_ffi_api.html) as the module it is: `import * as ffi from 'ffi'`.
//
// Nothing is known of C's types here, so say it once, where the library is taken, with an interface marked @noSelf
// (its functions are called with a dot):
//
//   /** @noSelf */ interface LibCrypto { HMAC(md: ffi.CData, key: string, key_bytes: number, …): ffi.CData }
//   const crypto = ffi.load<LibCrypto>('crypto')

declare module 'ffi' {
  /** An object of C: a pointer, array, struct, or a 64-bit number. */
  interface CData {
    readonly __ffi_cdata: unique symbol
  }

  /** An array or pointer of numbers, counted from 0: `bytes[0]` is emitted as it stands. */
  interface CArray extends CData {
    [index: number]: number
  }

  interface CType {
    readonly __ffi_ctype: unique symbol
  }

  /** The default library: the nginx binary and what it has loaded. Cast it: `ffi.C as unknown as MySymbols`. */
  export const C: { readonly __ffi_library: unique symbol }
  /** Declares; raises on a syntax error or when something is declared differently for the second time. */
  export function cdef(declarations: string): void
  /** Loads lib<name>.so, or the file of that path. Raises when it is not found: `pcall(ffi.load, …)`. */
  export function load<Library extends object>(name: string, global?: boolean): Library
  /** `create('uint8_t[?]', 64)`: zero-filled, freed by the collector. `ffi.new` in Lua. */
  function create<T extends CData = CArray>(ct: string | CType, ...init: unknown[]): T
  /** A constructor of the type: parsing the declaration each time costs microseconds. `ffi.typeof` in Lua. */
  function typeOf<T extends CData = CArray>(ct: string | CType): CType & ((this: void, ...init: unknown[]) => T)

  export { create as new, typeOf as typeof }
  export function cast<T extends CData = CArray>(ct: string | CType, value: unknown): T
  /** Sets (or with undefined removes) a finaliser. Answers the same object. */
  export function gc<T extends CData>(object: T, finalizer: ((this: void, object: T) => void) | undefined): T
  export function sizeof(ct: string | CType | CData, elements?: number): number | undefined
  export function alignof(ct: string | CType | CData): number
  export function offsetof(ct: string | CType | CData, field: string): number | undefined
  export function istype(ct: string | CType, object: unknown): boolean
  /** errno of the last C call, optionally set. */
  export function errno(value?: number): number
  /** Copies `bytes` bytes into a Lua string; without a length up to the first NUL. Reads out of bounds if told to. */
  function text(pointer: CData, bytes?: number): string

  export { text as string }
  /** The string's bytes and a NUL, or exactly `bytes` bytes. No bounds are checked. */
  export function copy(target: CData, source: string | CData, bytes?: number): void
  export function fill(target: CData, bytes: number, value?: number): void
  export function abi(feature: 'le' | 'be' | '32bit' | '64bit' | 'fpu' | 'softfp' | 'hardfp' | 'eabi' | 'win'): boolean
  export const os: 'Windows' | 'Linux' | 'OSX' | 'BSD' | 'POSIX' | 'Other'
  export const arch: string
  export type { CArray, CData, CType }
}
