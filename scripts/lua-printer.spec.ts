import ts from 'typescript'
import * as tstl from 'typescript-to-lua'
import { expect, it } from 'vitest'
import { readableLua } from './lua-printer'

/** The Lua of a function body, without the frame around it. */
function printed(body: string): string {
  const result = tstl.transpileString(
    `declare function f(this: void, ...args: unknown[]): string\nexport function t(a: string, b: string, n: number) { ${body} }`,
    {
      luaTarget: tstl.LuaTarget.LuaJIT,
      luaLibImport: tstl.LuaLibImportKind.None,
      noImplicitSelf: true,
      noHeader: true,
      strict: true,
      lib: ['lib.esnext.d.ts'],
      target: ts.ScriptTarget.ESNext,
      luaPlugins: [{ plugin: readableLua }],
    },
  )
  return /function ____exports\.t\(a, b, n\)\n([\s\S]*)\nend\nreturn/.exec(result.file?.lua ?? '')?.[1]?.trim() ?? ''
}

it('joins texts in one instruction', () => {
  expect(printed("return a + '.' + b + '.' + n + f()")).toBe('return a .. "." .. b .. "." .. tostring(n) .. f()')
  expect(printed("return 'x' + (a + b) + (b + a) + 'y'")).toBe('return "x" .. a .. b .. b .. a .. "y"')
})

it('keeps the parentheses that mean something', () => {
  expect(printed("return 'a' + (n + 1) * 2 + b")).toBe('return "a" .. tostring((n + 1) * 2) .. b')
  expect(printed("return a + (n > 1 ? a : b) + 'x'")).toBe('return a .. (n > 1 and a or b) .. "x"')
  expect(printed('return (a + b) === (b + a)')).toBe('return a .. b == b .. a')
})

it('prints short calls on one line and long ones on several', () => {
  expect(printed('return f(a, b, f(a, b + a), n)')).toBe('return f(a, b, f(a, b .. a), n)')
  const long = `return f(${Array.from({ length: 12 }, () => 'f("0123456789")').join(', ')})`
  expect(printed(long).split('\n').length).toBe(14)
})

it('calls Lua for the four text functions', () => {
  expect(printed('return a.substring(0, 7)')).toBe('return (string.sub(a, 1, 7))')
  expect(printed('return a.substring(n + 1)')).toBe('return (string.sub(a, n + 2))')
  expect(printed('return a.substring(n - 1, n)')).toBe('return (string.sub(a, n, n))')
  expect(printed('return a.charCodeAt(n)')).toBe('return string.byte(a, n + 1) or 0 / 0')
  expect(printed("return a.indexOf('.')")).toBe('return (string.find(a, ".", 1, true) or 0) - 1')
  expect(printed('return a.indexOf(b, n - 2)')).toBe('return (string.find(a, b, n - 1, true) or 0) - 1')
  expect(printed('return f(a).substring(0, n)')).toBe('return (string.sub(f(a), 1, n))')
  expect(printed('return Number(a.substring(n)) + 1')).toBe('return (tonumber(string.sub(a, n + 1)) or 0 / 0) + 1')
  expect(printed('return Number(a) + 1')).toBe('return (tonumber(a) or 0 / 0) + 1')
})

it('makes no tail call of what is not ours', () => {
  expect(printed('return Math.floor(n)')).toBe('return (math.floor(n))')
  expect(printed('const g = (): number => Math.floor(n)\nreturn g()')).toContain('return (math.floor(n))')
  expect(printed('return f(a)')).toBe('return f(a)')
})

it('leaves alone what is not plain, or not a text', () => {
  expect(printed('return a.substring(n, f(a).length)')).toContain('__TS__StringSubstring')
  expect(printed('return [1, 2].indexOf(n)')).toContain('__TS__ArrayIndexOf')
  expect(printed('return Number(n > 1)')).toContain('__TS__Number')
})

it("writes '' + n as tostring(n)", () => {
  expect(printed("return '' + n")).toBe('return tostring(n)')
  expect(printed("return '' + a")).toBe('return "" .. a')
})
