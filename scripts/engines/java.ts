// Which Java runs Kafka and Elasticsearch, and whether there is a Maven to fetch them with: both are found, not installed,
// because Debian 12 has no Java 21.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findProgram, isExecutable } from '../setup'

export interface Java {
  home: string
  /** 17, 21, 25 … */
  version: number
}

/** What Kafka 4 and Elasticsearch 8 need. */
export const JAVA_MIN = 17
/** What Elasticsearch 9 needs. */
export const JAVA_MIN_ELASTICSEARCH_9 = 21

const JVMS = '/usr/lib/jvm'

/** Homes in the order in which they are asked: what the operator names, then the one in PATH, then Debian's folder. */
function homes(env: Record<string, string | undefined>, jvms: string): string[] {
  const in_path = findProgram('java', env.PATH ?? '')
  const named = [env.ES_JAVA_HOME, env.JAVA_HOME, in_path && dirname(dirname(realpathSync(in_path)))]
  const installed = existsSync(jvms) ? readdirSync(jvms).map((name) => join(jvms, name)) : []
  return [...named, ...installed.sort()].filter((home) => home !== undefined && home !== '') as string[]
}

/** The first Java of at least this version; undefined when there is none. */
export function findJava(version_min: number, env = process.env, jvms = JVMS): Java | undefined {
  for (const home of homes(env, jvms)) {
    const version = javaVersion(home)
    if (version >= version_min) return { home, version }
  }
  return undefined
}

/** Its major version; 0 when the folder has no Java. */
function javaVersion(home: string): number {
  const java = join(home, 'bin/java')
  if (!isExecutable(java)) return 0
  const release = join(home, 'release')
  const words = existsSync(release) ? readFileSync(release, 'utf8') : spawnSync(java, ['-version']).stderr.toString()
  return Number(/(?:JAVA_VERSION=|version )"(\d+)/.exec(words)?.[1] ?? 0)
}

/** What is missing for the engines, as a sentence that says what to install; undefined when nothing is. */
export function whyNoEngines(needs_maven = true): string | undefined {
  const missing = []
  if (findJava(JAVA_MIN) === undefined) missing.push(`Java ${JAVA_MIN} or newer (openjdk-17-jre-headless)`)
  if (needs_maven && findProgram('mvn') === undefined) missing.push('Maven, which fetches them (maven)')
  if (missing.length === 0) return undefined
  return `Kafka and Elasticsearch need ${missing.join(' and ')}. On Debian: apt-get install openjdk-17-jre-headless maven; Elasticsearch 9 instead of 8 needs Java ${JAVA_MIN_ELASTICSEARCH_9} or newer (ES_JAVA_HOME, JAVA_HOME or a folder in ${JVMS})`
}

export function requireJava(version_min = JAVA_MIN): Java {
  const java = findJava(version_min)
  if (java === undefined) throw new Error(whyNoEngines(false) ?? `there is no Java ${version_min} or newer`)
  return java
}
