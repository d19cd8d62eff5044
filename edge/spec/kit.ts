/** @noSelfInFile */
// vitest as far as our specs use it, on top of busted: in tsconfig.spec.json the import 'vitest' leads here, so one spec runs in
// Node and in LuaJIT without a word about either.

// busted falls back to another Lua without a word, where numbers and texts differ
assert(jit, 'busted runs under ' + _VERSION + ' and not under LuaJIT')

type Body = (this: void) => void

interface Busted {
  describe: (this: void, name: string, body: Body) => void
  it: (this: void, name: string, body: Body) => void
  assert: {
    same: (this: void, wanted: unknown, got: unknown) => void
    equal: (this: void, wanted: unknown, got: unknown) => void
    is_true: (this: void, got: boolean, message: string) => void
  }
}

const busted = require('busted') as Busted

export const describe = busted.describe
export const it = busted.it

class Expectation<T> {
  constructor(private readonly got: T) {}

  toBe(wanted: T): void {
    busted.assert.equal(wanted, this.got)
  }

  /** Deep. Absent and undefined are the same, as in Lua anyway. */
  toEqual(wanted: unknown): void {
    busted.assert.same(wanted, this.got)
  }

  toBeUndefined(): void {
    busted.assert.equal(undefined, this.got)
  }

  toContain(part: string): void {
    const text = tostring(this.got)
    busted.assert.is_true(string.find(text, part, 1, true)[0] !== undefined, text + ' does not contain ' + part)
  }
}

export function expect<T>(got: T): Expectation<T> {
  return new Expectation(got)
}
