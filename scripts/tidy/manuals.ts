// Manuals that stay true: what they name is there, and what an operator can set has its row.
import { posix } from 'node:path'
import type { Finding, SourceFile } from './files'

const MANUAL = 'docs/OPERATING.md'
const MAP = 'docs/MAP.md'
const NGINX = 'nginx/nginx.conf.template'
/** where the environment is read */
const READERS = [
  'backend/src/config.ts',
  'backend/src/hot-items/settings.ts',
  'edge/src/adapters/environment.ts',
  NGINX,
]

interface Place {
  path: string
  line: number
}

function places(file: SourceFile, pattern: RegExp): { found: string; place: Place }[] {
  return file.text
    .split('\n')
    .flatMap((text, i) =>
      [...text.matchAll(pattern)].map(([, found = '']) => ({ found, place: { path: file.path, line: i + 1 } })),
    )
}

/** Links of every manual, and commands in it. */
export function brokenLinks(files: SourceFile[], commands: string[]): Finding[] {
  const there = new Set(files.flatMap(({ path }) => [path, ...foldersOf(path)]))
  const findings: Finding[] = []
  for (const file of files.filter(({ path }) => path.endsWith('.md'))) {
    for (const { found, place } of places(file, /\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(found)) continue
      const path = posix.join(posix.dirname(file.path), found).replace(/\/$/, '')
      if (!there.has(path)) findings.push({ ...place, message: `links to ${path}, which is not there` })
    }
    for (const { found, place } of places(file, /\bnpm run (?:-s )?([a-z][a-z:-]*)/g)) {
      if (!commands.includes(found))
        findings.push({ ...place, message: `npm run ${found}: package.json has no such script` })
    }
  }
  return findings
}

function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'))
}

/** A file is explained in one place of the map. */
export function mappedTwice(files: SourceFile[]): Finding[] {
  const map = files.find(({ path }) => path === MAP)
  const seen = new Set<string>()
  return (map === undefined ? [] : places(map, /\]\(([^)#\s]+)\)/g)).flatMap(({ found, place }) => {
    if (!seen.has(found)) {
      seen.add(found)
      return []
    }
    return [{ ...place, message: `${found} is there twice` }]
  })
}

/** Every variable that gate and backend read stands in the manual's table. */
export function unknownVariables(files: SourceFile[]): Finding[] {
  const manual = files.find(({ path }) => path === MANUAL)?.text ?? ''
  const rows = new Set(
    [...manual.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, names = '']) => names.match(/[A-Z_]{3,}/g) ?? []),
  )
  return files
    .filter(({ path }) => READERS.includes(path))
    .flatMap((file) => places(file, /(?:^ {2}|^env |getenv\('|required\(')([A-Z][A-Z_]+)(?=:|;|')/g))
    .filter(({ found }) => !rows.has(found))
    .map(({ found, place }) => ({ ...place, message: `${found} has no row in the table of ${MANUAL}` }))
}

/** Every metric that a manual names is made somewhere. */
export function unknownMetrics(files: SourceFile[]): Finding[] {
  const code = files.filter(({ path }) => /^(edge|backend)\/src\/.*(?<!\.spec)\.ts$/.test(path) || path === NGINX)
  const made = new Set(code.flatMap(({ text }) => text.match(/\b(?:rushgate_)?[a-z]+(?:_[a-z]+)*\b/g) ?? []))
  const isMade = (name: string) => made.has(name) || made.has(name.replace(/^rushgate_/, ''))
  return files
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap((file) => places(file, /\b(rushgate_[a-z]+(?:_[a-z]+)*)\b/g))
    .filter(({ found }) => !isMade(found))
    .map(({ found, place }) => ({ ...place, message: `there is no metric ${found}` }))
}
