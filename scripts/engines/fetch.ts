// Kafka and Elasticsearch from Maven Central, by Maven, each verified before it is used.
//
// Checksums are ours (the list kafka-jars.sha256, and those of the zips below), not Maven's own .sha1 files: those lie beside
// what they vouch for, and not every mirror has them.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, createReadStream, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProgram } from '../setup'
import { cached, enginesCache, isCached } from './cache'
import { findJava, JAVA_MIN, JAVA_MIN_ELASTICSEARCH_9, whyNoEngines } from './java'

const HERE = dirname(fileURLToPath(import.meta.url))
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'
const PROGRESS_MS = 500
const MEGABYTE = 1_000_000

export const KAFKA_VERSION = '4.3.1'

interface Zip {
  version: string
  sha256: string
  bytes: number
}

export const ELASTICSEARCH_9: Zip = {
  version: '9.5.3',
  sha256: 'bec49f3b8d00e75c8d1cec85c35298635ec9fbd3ae80ef5aeb6bc05abdb3db2d',
  bytes: 132_390_005,
}
/** the newest that Java 17 runs */
const ELASTICSEARCH_8: Zip = {
  version: '8.19.21',
  sha256: '215d5f3dbf0609a149f6218a9e47b6ae2df34ebbff3c5754e35f15a5e5393c8a',
  bytes: 106_871_955,
}

/** Told while something is downloaded: one line each time. */
export type Progress = (line: string) => void

/** The folder with Kafka's jars, fetched at first. */
export function fetchKafka(progress: Progress = () => {}): Promise<string> {
  return cached(`kafka-${KAFKA_VERSION}`, async (folder) => {
    // Maven looks for the project in the working folder
    copyFileSync(join(HERE, 'kafka-pom.xml'), join(folder, 'pom.xml'))
    const options = ['-DincludeScope=runtime', `-DoutputDirectory=${folder}`]
    await maven([`${PLUGIN}:copy-dependencies`, ...options], folder, (line) =>
      progress(`Kafka ${KAFKA_VERSION}: ${line}`),
    )
    rmSync(join(folder, 'pom.xml'))
    await verifyJars(folder)
  })
}

/** Throws when a jar is missing, changed or not in the list. */
export async function verifyJars(folder: string, list = join(HERE, 'kafka-jars.sha256')): Promise<void> {
  const wanted = new Map(
    readFileSync(list, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/) as [string, string])
      .map(([sha256, name]) => [name, sha256]),
  )
  const found = readdirSync(folder).filter((name) => name.endsWith('.jar'))
  const missing = [...wanted.keys()].filter((name) => !found.includes(name))
  if (missing.length > 0) throw new Error(`Kafka: Maven did not bring ${missing.join(', ')}`)
  for (const name of found) await verify(join(folder, name), wanted.get(name) ?? 'none: it is not in kafka-jars.sha256')
}

/** The folder of an unpacked Elasticsearch that the Java of this machine runs, fetched at first. */
export async function fetchElasticsearch(progress: Progress = () => {}): Promise<{ home: string; version: string }> {
  const zip = wantedZip()
  const artifact = `-Dartifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:${zip.version}:zip`
  const folder = await cached(elasticsearchFolder(zip), async (part) => {
    const watch = setInterval(() => {
      const megabytes = Math.round(largestFile(join(repository(), 'org/elasticsearch')) / MEGABYTE)
      progress(`Elasticsearch ${zip.version}: ${megabytes} of ${Math.round(zip.bytes / MEGABYTE)} MB`)
    }, PROGRESS_MS)
    try {
      await maven([`${PLUGIN}:copy`, artifact, `-DoutputDirectory=${part}`], part)
    } finally {
      clearInterval(watch)
    }
    const file = join(part, `elasticsearch-${zip.version}.zip`)
    await verify(file, zip.sha256)
    rmSync(file)
    progress(`Elasticsearch ${zip.version}: unpacking`)
    // Maven unpacks its own copy, which is what was copied and verified: no unzip is needed
    await maven(['-o', `${PLUGIN}:unpack`, artifact, `-DoutputDirectory=${part}`], part)
  })
  return { home: join(folder, `elasticsearch-${zip.version}`), version: zip.version }
}

/** Whether both are in the cache, so that nothing has to be downloaded. */
export function areFetched(): boolean {
  const java = findJava(JAVA_MIN)
  return (
    java !== undefined && [`kafka-${KAFKA_VERSION}`, elasticsearchFolder(wantedZip())].every((name) => isCached(name))
  )
}

export async function verify(file: string, sha256: string): Promise<void> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer)
  const found = hash.digest('hex')
  if (found !== sha256) throw new Error(`${file}: its sha256 is ${found}, expected ${sha256}`)
}

function wantedZip(): Zip {
  return findJava(JAVA_MIN_ELASTICSEARCH_9) === undefined ? ELASTICSEARCH_8 : ELASTICSEARCH_9
}

function elasticsearchFolder({ version }: Zip): string {
  return `elasticsearch-${version}`
}

/** Apart from the user's own ~/.m2: nothing of ours is left there, and all of it goes with the cache. */
function repository(): string {
  return join(enginesCache(), 'maven')
}

function maven(args: string[], cwd: string, progress: Progress = () => {}): Promise<void> {
  const program = findProgram('mvn')
  if (program === undefined) return Promise.reject(new Error(whyNoEngines()))
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['-B', `-Dmaven.repo.local=${repository()}`, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let downloaded = 0
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output = (output + data.toString()).slice(-4000)
        for (const [, name] of data.toString().matchAll(/Downloaded from \S+ \S+\/([^\s/]+\.jar)/g))
          progress(`${++downloaded} files, ${name}`)
      })
    }
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`mvn ${args.join(' ')} failed with exit code ${code}:\n${output.trimEnd()}`))
    })
  })
}

function largestFile(folder: string): number {
  try {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    return Math.max(0, ...files.map((entry) => statSync(join(entry.parentPath, entry.name)).size))
  } catch {
    return 0 // it was renamed meanwhile
  }
}
