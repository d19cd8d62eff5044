// Every wrong variable is named with its rule; nothing secret is ever printed.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseConfig, parseRoles, ROLES, redacted } from './config'
import { parseSecrets } from './secrets'

const GOOD = {
  RUSHGATE_SECRET: 'k2:0123456789abcdef-second,k1:0123456789abcdef-first',
  RUSHGATE_ADMIN_TOKEN: 'a-token-of-the-operator',
  RUSHGATE_DEMO: '1',
}
const ALL = [...ROLES]

describe('the environment', () => {
  test('needs little: the rest has defaults', () => {
    expect(parseConfig(GOOD, ALL)).toMatchObject({
      bind: '127.0.0.1',
      port: 8081,
      public_url: 'http://127.0.0.1:8080',
      redis_url: 'redis://127.0.0.1:6379',
      database_url: undefined,
      demo: true,
      roles: ALL,
    })
    expect(parseConfig({ ...GOOD, RUSHGATE_PUBLIC_URL: 'https://shop.example/' }, ALL).public_url).toBe(
      'https://shop.example',
    )
    expect(parseConfig({ ...GOOD, DATABASE_URL: '' }, ALL).database_url).toBe(undefined)
  })

  test('hours of low traffic are two hours of the day, or off', () => {
    const hours = (text: string) => parseConfig({ ...GOOD, RUSHGATE_REINDEX_HOURS: text }, ALL).reindex_hours
    expect([hours(''), hours('22-4'), hours('off')]).toEqual([{ from: 3, to: 5 }, { from: 22, to: 4 }, undefined])
    for (const text of ['3', '24-3', '3-25', 'night']) expect(() => hours(text)).toThrow('RUSHGATE_REINDEX_HOURS')
  })

  test('wrong variables are all named at once', () => {
    const wrong = {
      ...GOOD,
      RUSHGATE_PORT: '99999',
      REDIS_URL: 'http://redis',
      RUSHGATE_SECRET: 'short',
      LOG_LEVEL: 'loud',
    }
    expect(() => parseConfig(wrong, ALL)).toThrow(
      /RUSHGATE_PORT: [\s\S]*REDIS_URL: must be a URL that starts with redis:\/\/ or rediss:\/\/[\s\S]*RUSHGATE_SECRET: secret 1[\s\S]*LOG_LEVEL/,
    )
    expect(() => parseConfig({}, ALL)).toThrow(/RUSHGATE_SECRET: must be set\nRUSHGATE_ADMIN_TOKEN: must be set/)
  })

  test('engines are named by where they are', () => {
    const env = { ...GOOD, KAFKA_BROKERS: 'k1:9092, [::1]:9093', ELASTICSEARCH_URL: 'http://e:9200' }
    const config = parseConfig({ ...env, REDIS_VOLATILE_URL: 'redis://v' }, ALL)
    expect(config.kafka_brokers).toEqual(['k1:9092', '[::1]:9093'])
    expect(config).toMatchObject({ elasticsearch_url: 'http://e:9200', redis_volatile_url: 'redis://v' })
    expect(parseConfig(GOOD, ALL)).toMatchObject({
      kafka_brokers: undefined,
      elasticsearch_url: undefined,
      redis_volatile_url: 'redis://127.0.0.1:6379',
    })
    for (const list of ['k1', 'k1:9092,', 'http://k1:9092']) {
      expect(() => parseConfig({ ...GOOD, KAFKA_BROKERS: list }, ALL)).toThrow('KAFKA_BROKERS: must be host:port')
    }
  })

  test('prefixes of topics and indexes are what Kafka and Elasticsearch take for a name', () => {
    expect(parseConfig(GOOD, ALL)).toMatchObject({ kafka_topic_prefix: '', elasticsearch_index_prefix: '' })
    const prefixes = { KAFKA_TOPIC_PREFIX: 'shop-2.', ELASTICSEARCH_INDEX_PREFIX: 'shop-2-' }
    expect(parseConfig({ ...GOOD, ...prefixes }, ALL)).toMatchObject({
      kafka_topic_prefix: 'shop-2.',
      elasticsearch_index_prefix: 'shop-2-',
    })
    expect(() => parseConfig({ ...GOOD, KAFKA_TOPIC_PREFIX: 'a/b' }, ALL)).toThrow('KAFKA_TOPIC_PREFIX: must be')
    for (const prefix of ['Shop', '_shop', 'a b']) {
      const env = { ...GOOD, ELASTICSEARCH_INDEX_PREFIX: prefix }
      expect(() => parseConfig(env, ALL)).toThrow('ELASTICSEARCH_INDEX_PREFIX: must begin with')
    }
  })

  test('the sandbox needs an explicit word outside the demo', () => {
    const without = { ...GOOD, RUSHGATE_DEMO: '0' }
    expect(() => parseConfig(without, ALL)).toThrow('RUSHGATE_SANDBOX=1')
    expect(parseConfig({ ...without, RUSHGATE_SANDBOX: '1' }, ALL).demo).toBe(false)
  })

  test('some roles only need a database that several processes may use', () => {
    expect(() => parseConfig(GOOD, ['api'])).toThrow('needs DATABASE_URL')
    expect(parseConfig({ ...GOOD, DATABASE_URL: 'postgres://h/db' }, ['api']).roles).toEqual(['api'])
    const api = ['user', 'product', 'order', 'transaction', 'operations']
    expect(parseRoles('sweeper, api')).toEqual([...api, 'sweeper'])
    expect(parseRoles('order,user')).toEqual(['user', 'order'])
    expect(parseRoles(undefined)).toEqual(ALL)
    expect(() => parseRoles('api,settlers')).toThrow('no role "settlers"')
  })

  test('is printed without its secrets', () => {
    const config = parseConfig(
      {
        ...GOOD,
        DATABASE_URL: 'postgres://u:hunter2@h/db',
        REDIS_URL: 'rediss://:hunter3@h:1/2',
        REDIS_VOLATILE_URL: 'redis://:hunter4@h',
        ELASTICSEARCH_URL: 'https://elastic:hunter5@h:9200',
      },
      ALL,
    )
    const printed = JSON.stringify(redacted(config))
    for (const secret of ['hunter2', 'hunter3', 'hunter4', 'hunter5', 'abcdef', GOOD.RUSHGATE_ADMIN_TOKEN])
      expect(printed).not.toContain(secret)
    expect(printed).toContain('postgres://u:redacted@h/db')
    expect(printed).toContain('k2:redacted')
  })

  test('nor with passwords that stand among the parameters of an address, where clients take them too', () => {
    const config = parseConfig(
      {
        ...GOOD,
        DATABASE_URL: 'postgres://h/db?user=u&password=hunter2&password=hunter3&sslmode=require',
        REDIS_URL: 'redis://h:1/2?PASSWORD=hunter4',
        ELASTICSEARCH_URL: 'https://h:9200/?api_key=hunter5',
      },
      ALL,
    )
    const printed = JSON.stringify(redacted(config))
    expect(printed).not.toContain('hunter')
    expect(printed).toContain('postgres://h/db?user=u&password=redacted&sslmode=require')
  })
})

describe('secrets', () => {
  test('come from a file that others cannot read, one or several a line', () => {
    const dir = mkdtempSync(join(tmpdir(), 'rushgate-secrets-'))
    const file = join(dir, 'secrets')
    writeFileSync(file, 'k3:0123456789abcdef-third, k2:0123456789abcdef-second\nk1:0123456789abcdef-first\n\n', {
      mode: 0o640,
    })
    const env = { ...GOOD, RUSHGATE_SECRET: '', RUSHGATE_SECRET_FILE: file }
    expect(parseConfig(env, ALL).secrets.map(({ id }) => id)).toEqual(['k3', 'k2', 'k1'])
    expect(parseConfig({ ...env, RUSHGATE_SECRET: GOOD.RUSHGATE_SECRET }, ALL).secrets[0]?.id).toBe('k3')
    chmodSync(file, 0o644)
    expect(() => parseConfig(env, ALL)).toThrow(/^RUSHGATE_SECRET_FILE: .* is open to every user/)
    writeFileSync(file, 'k1:short')
    chmodSync(file, 0o600)
    expect(() => parseConfig(env, ALL)).toThrow(/^RUSHGATE_SECRET_FILE: secret 1 \("k1"\)/)
    rmSync(dir, { recursive: true })
    expect(() => parseConfig(env, ALL)).toThrow(/^RUSHGATE_SECRET_FILE: ENOENT/)
  })

  test('are named by place and id when they are wrong, never by their text', () => {
    expect(parseSecrets(GOOD.RUSHGATE_SECRET).map(({ id }) => id)).toEqual(['k2', 'k1'])
    expect(() => parseSecrets('nocolon')).toThrow('secret 1: must be <key id>:<secret>')
    expect(() => parseSecrets('a.b:0123456789abcdef')).toThrow('secret 1')
    expect(() => parseSecrets('k1:tooshort')).toThrow(/^secret 1 \("k1"\): must have 16 characters, got 8$/)
    expect(() => parseSecrets('k1:0123456789abcdef,k1:fedcba9876543210')).toThrow('there twice')
  })
})
