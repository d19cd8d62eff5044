// What the compiler made: which of its library's helpers the gate carries, and that Redis scripts carry none.
import type { Finding, SourceFile } from './files'

/** Helpers that may be in the bundle, and why. They run at start, or are as cheap as what one would write by hand. */
const ALLOWED: Record<string, string> = {
  __TS__ArrayIsArray: 'the schema tells lists from objects, at start',
  __TS__ArraySort: 'the schema sorts names for its messages, at start',
  __TS__StringTrim: 'content types written with spaces, when the plain comparison failed',
}

function lualibHelpers(lua: string): string[] {
  const names = new Set<string>()
  for (const match of lua.matchAll(/\b__TS__\w+/g)) names.add(match[0])
  return [...names].sort()
}

export function bundleHelpers(file: SourceFile): Finding[] {
  return lualibHelpers(file.text)
    .filter((name) => !(name in ALLOWED))
    .map((name) => ({
      path: file.path,
      line: 0,
      message: `carries the helper ${name}: write the loop or comparison by hand (find it with grep), or allow it with its reason in scripts/tidy/emitted.ts`,
    }))
}

/** luaLibImport none emits calls to helpers that are not there. */
export function scriptHelpers(file: SourceFile): Finding[] {
  const findings: Finding[] = []
  for (const name of lualibHelpers(file.text)) {
    findings.push({ path: file.path, line: 0, message: `calls ${name}, which Redis does not have: write it by hand` })
  }
  file.text.split('\n').forEach((line, index) => {
    if (/\b(require|____exports)\b/.test(line.replace(/--.*$/, ''))) {
      findings.push({
        path: file.path,
        line: index + 1,
        message: 'uses a module: Redis scripts import types and const enums only',
      })
    }
  })
  return findings
}
