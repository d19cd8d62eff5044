// npm run check -- FILE: is this rushgate.json right? Exit 0, or every problem, one a line, and exit 1. It is the same check that
// the gate makes when it starts: `nginx -t` cannot, because it does not run the gate's code.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { readConfig } from '../edge/src/kernel/config'
import { plugins } from '../edge/src/plugins/index'
import { firstMistake } from './json-place'

const USAGE = 'usage: npm run check -- FILE (a rushgate.json)'

/** Every problem as a line; none when the file is right. */
export function problemsOfFile(file: string): string[] {
  if (!existsSync(file)) return [`${file}: there is no such file`]
  if (!statSync(file).isFile()) return [`${file}: is not a file`]
  return problemsOfText(readFileSync(file, 'utf8'), file)
}

export function problemsOfText(text: string, file: string): string[] {
  const bare = text.startsWith('\ufeff') ? text.slice(1) : text
  if (bare !== text) return [`${file}: begins with a byte order mark, which JSON does not allow`]
  const place = firstMistake(text)
  if (place) return [`${file}:${place.line}:${place.column}: is not JSON here, expected ${place.expected}`]
  return readConfig(JSON.parse(text), plugins).problems
}

function main(args: string[]): number {
  const [file, ...rest] = args
  if (file === undefined || rest.length > 0) {
    console.error(USAGE)
    return 1
  }
  const problems = problemsOfFile(file)
  for (const problem of problems) console.error(problem)
  if (problems.length === 0) console.log(`${file}: right (plugins: ${plugins.map((plugin) => plugin.name).join(', ')})`)
  return problems.length === 0 ? 0 : 1
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = main(process.argv.slice(2))
