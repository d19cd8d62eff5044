// Rules about files as text: length, machine paths, registries, leftovers, versions, what a plugin's folder holds.
import { basename } from 'node:path'
import type { Finding, SourceFile } from './files'

const FILE_LINES_MAX = 400
const MEASURED = /\.(ts|mts|mjs|js|lua|sql|css|html|go|sh)$/

/** A longer file says "long because …" in its first ten lines. */
export function longFiles(file: SourceFile): Finding[] {
  if (!MEASURED.test(file.path)) return []
  const lines = file.text.split('\n')
  const count = lines.at(-1) === '' ? lines.length - 1 : lines.length
  if (count <= FILE_LINES_MAX || /\blong because\b/.test(lines.slice(0, 10).join('\n'))) return []
  const message = `${count} lines (${FILE_LINES_MAX} at most): split it by what it promises, or say in its first lines "long because …"`
  return [{ path: file.path, line: 0, message }]
}

interface TextRule {
  /** undefined: every file */
  files?: RegExp
  pattern: RegExp
  message: string
}

// in pieces, so that this file does not find itself
const LEFTOVER = ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')
const MACHINE_PATH = ['wor' + 'k', 'roo' + 't', 'hom' + 'e/[a-z]+'].join('|')

const TEXT_RULES: TextRule[] = [
  {
    pattern: new RegExp(`\\b(${LEFTOVER})\\b`),
    message: 'a note to come back to: do it now, or write down the weakness as a plain sentence',
  },
  {
    pattern: new RegExp(`(^|[^\\w.)}~*-])/(${MACHINE_PATH})(?=[/'"\`\\s)]|$)`),
    message: 'a path of one machine: build it from import.meta.url, a setting, or the folder the command runs in',
  },
  {
    pattern: new RegExp(`(^|[^\\w.)}-])/${'tm' + 'p'}/`),
    message: 'a fixed place for temporary files: use os.tmpdir() and mkdtemp',
  },
  {
    files: /\.spec\.ts$/,
    pattern: /\b(describe|it|test)\.only\b/,
    message: 'runs only this test: remove .only',
  },
  {
    files: /^(package-lock\.json|\.npmrc)$/,
    pattern: /^\s*("resolved": "https?:\S+|\S*registry\s*=.*)/,
    message:
      "names a registry: install with omit-lockfile-registry-resolved, so that the lock file works with anybody's",
  },
]

export function wrongTexts(file: SourceFile): Finding[] {
  const findings: Finding[] = []
  const rules = TEXT_RULES.filter((rule) => !rule.files || rule.files.test(file.path))
  file.text.split('\n').forEach((line, index) => {
    for (const { pattern, message } of rules) {
      const match = pattern.exec(line)
      if (match) findings.push({ path: file.path, line: index + 1, message: `${match[0].trim()} is ${message}` })
    }
  })
  return findings
}

/** One version everywhere: package.json says it. */
export function versions(files: SourceFile[], plugin_versions: Record<string, string>): Finding[] {
  const text = (path: string): string | undefined => files.find((file) => file.path === path)?.text
  const wanted = JSON.parse(text('package.json') ?? '{}').version as string
  const found: [path: string, version: string | undefined][] = []
  const lock = JSON.parse(text('package-lock.json') ?? '{}')
  found.push(['package-lock.json', lock.version], ['package-lock.json', lock.packages?.['']?.version])
  for (const [name, version] of Object.entries(plugin_versions)) found.push([`edge/src/plugins/${name}`, version])
  for (const file of files) {
    if (basename(file.path) === 'dist.ini') found.push([file.path, /^version\s*=\s*(\S+)/m.exec(file.text)?.[1]])
    if (file.path.endsWith('.rockspec')) found.push([file.path, /^version\s*=\s*"([^-"]+)/m.exec(file.text)?.[1]])
    if (/compose.*\.ya?ml$/.test(file.path)) {
      for (const match of file.text.matchAll(/image:\s*rushgate[\w/-]*:(\S+)/g)) found.push([file.path, match[1]])
    }
  }
  return found
    .filter(([, version]) => version !== wanted)
    .map(([path, version]) => ({
      path,
      line: 0,
      message: `has version ${version}, package.json has ${wanted}: make them equal`,
    }))
}

const PLUGIN_FILES = ['index.ts', 'schema.ts', 'README.md']

/** One noun, one folder, the same files. */
export function pluginFolders(files: SourceFile[]): Finding[] {
  const folders = new Map<string, string[]>()
  for (const { path } of files) {
    const match = /^(edge\/src\/plugins\/[^/]+)\/(.+)$/.exec(path)
    if (match?.[1] && match[2]) folders.set(match[1], [...(folders.get(match[1]) ?? []), match[2]])
  }
  const findings: Finding[] = []
  for (const [path, names] of folders) {
    const missing = PLUGIN_FILES.filter((name) => !names.includes(name))
    if (!names.some((name) => name.endsWith('.spec.ts'))) missing.push('a spec')
    if (missing.length > 0) {
      findings.push({
        path,
        line: 0,
        message: `a plugin's folder holds code, schema, spec and man page: add ${missing.join(', ')}`,
      })
    }
  }
  return findings
}
