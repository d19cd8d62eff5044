// What is fetched is verified and made once; which Java is taken; what is said where there is none.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { cached, enginesCache } from './cache'
import { verifyJars } from './fetch'
import { findJava } from './java'

const dir = mkdtempSync(join(tmpdir(), 'rushgate-engines-unit-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('the cache', () => {
  test('is one folder for all checkouts', () => {
    expect(enginesCache({ RUSHGATE_CACHE: '/c' })).toBe('/c/engines')
    expect(enginesCache({ XDG_CACHE_HOME: '/x' })).toBe('/x/rushgate/engines')
    expect(enginesCache({})).toMatch(/\/\.cache\/rushgate\/engines$/)
  })

  test('of several who want the same, one makes it', async () => {
    const cache = join(dir, 'once')
    let made = 0
    const make = async (folder: string) => {
      made++
      writeFileSync(join(folder, 'part'), '')
      await sleep(300)
      writeFileSync(join(folder, 'whole'), '')
    }
    const folders = await Promise.all([1, 2, 3].map(() => cached('thing', make, cache)))
    expect(new Set(folders)).toEqual(new Set([join(cache, 'thing')]))
    expect(made).toBe(1)
    expect(readdirSync(cache)).toEqual(['thing'])
  })

  test('what failed leaves nothing, and one that was killed at it is no hindrance', async () => {
    const cache = join(dir, 'failed')
    const fail = () => Promise.reject(new Error('no network'))
    await expect(cached('thing', fail, cache)).rejects.toThrow('no network')
    expect(readdirSync(cache)).toEqual([])
    writeFileSync(join(cache, 'fetching.lock'), '99999999')
    await cached('thing', async (folder) => writeFileSync(join(folder, 'whole'), ''), cache)
    expect(existsSync(join(cache, 'thing/whole'))).toBe(true)
  })
})

test('a jar that is missing, changed or unknown is refused by name', async () => {
  const folder = join(dir, 'jars')
  mkdirSync(folder)
  const list = join(dir, 'list')
  const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  writeFileSync(list, `${empty} a.jar\n${empty} b.jar\n`)
  writeFileSync(join(folder, 'a.jar'), '')
  await expect(verifyJars(folder, list)).rejects.toThrow('did not bring b.jar')
  writeFileSync(join(folder, 'b.jar'), '')
  await verifyJars(folder, list)
  writeFileSync(join(folder, 'b.jar'), 'changed')
  await expect(verifyJars(folder, list)).rejects.toThrow(/b\.jar: its sha256 is [0-9a-f]{64}, expected e3b0/)
  writeFileSync(join(folder, 'b.jar'), '')
  writeFileSync(join(folder, 'more.jar'), '')
  await expect(verifyJars(folder, list)).rejects.toThrow('more.jar: its sha256')
})

test("the list of jars is of the pom's version", () => {
  const read = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8')
  const version = /kafka_2\.13<\/artifactId>\s*<version>([\d.]+)</.exec(read('kafka-pom.xml'))?.[1]
  expect(read('kafka-jars.sha256')).toContain(` kafka_2.13-${version}.jar`)
  expect(read('fetch.ts')).toContain(`KAFKA_VERSION = '${version}'`)
})

describe('Java', () => {
  function java(name: string, version: string): string {
    const home = join(dir, name)
    mkdirSync(join(home, 'bin'), { recursive: true })
    writeFileSync(join(home, 'bin/java'), '#!/bin/sh\n')
    chmodSync(join(home, 'bin/java'), 0o755)
    writeFileSync(join(home, 'release'), `IMPLEMENTOR="x"\nJAVA_VERSION="${version}"\n`)
    return home
  }

  test('is what the operator names, else what is in PATH, else of the folder; and new enough', () => {
    const old = java('named', '17.0.15')
    const in_path = java('in-path', '21')
    const newest = java('jvms/a-25', '25.0.3')
    const jvms = join(dir, 'jvms')
    const env = { ES_JAVA_HOME: old, PATH: join(in_path, 'bin') }
    expect(findJava(17, env, jvms)).toEqual({ home: old, version: 17 })
    expect(findJava(21, env, jvms)).toEqual({ home: in_path, version: 21 })
    expect(findJava(25, env, jvms)).toEqual({ home: newest, version: 25 })
    expect(findJava(26, env, jvms)).toBe(undefined)
    expect(findJava(17, { JAVA_HOME: join(dir, 'nothing'), PATH: '' }, join(dir, 'none'))).toBe(undefined)
  })
})
