// docker-compose.yml and the Dockerfile stay true without an engine: shapes, pins, files, ports and settings are
// compared with what `npm start` and the tests use. (That the gate's image starts is in scripts/test/.)
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { parseConfig, ROLES } from '../backend/src/config'
import { ELASTICSEARCH_9, KAFKA_VERSION } from './engines/fetch'
import { KAFKA_SETTINGS } from './engines/kafka'
import { REDIS_SETTINGS } from './redis'
import { RUN_PACKAGES } from './setup'
import { ROOT } from './stack'

const PINNED = /^[a-z0-9./-]+:[a-z0-9.-]*\d+\.\d+[a-z0-9.-]*$/
const INSTRUCTIONS = [
  'FROM',
  'WORKDIR',
  'COPY',
  'RUN',
  'ENV',
  'USER',
  'EXPOSE',
  'HEALTHCHECK',
  'CMD',
  'ENTRYPOINT',
  'STOPSIGNAL',
]

const duration = z.string().regex(/^\d+(ms|s|m|h)$/)
const condition = z.strictObject({ condition: z.enum(['service_healthy', 'service_started']) })
const service = z.strictObject({
  build: z.strictObject({ context: z.string(), dockerfile: z.string(), target: z.string() }).optional(),
  image: z.string().regex(PINNED),
  hostname: z.string().optional(),
  restart: z.literal('unless-stopped'),
  depends_on: z.record(z.string(), condition).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  command: z.array(z.string()).optional(),
  volumes: z.array(z.string().regex(/^[\w./-]+:\/[\w./-]+(:ro)?$/)).optional(),
  ports: z.array(z.string()).optional(),
  networks: z.record(z.string(), z.strictObject({ ipv4_address: z.string() })),
  ulimits: z.strictObject({ nofile: z.number().int() }).optional(),
  stop_grace_period: duration.optional(),
  healthcheck: z
    .strictObject({
      test: z.array(z.string()).min(2),
      interval: duration,
      timeout: duration,
      retries: z.number().int(),
    })
    .optional(),
})
const compose = z.strictObject({
  name: z.string(),
  // what both gates have, and both backends
  'x-gate': service.partial(),
  'x-backend': service.partial(),
  services: z.strictObject({
    outer: service,
    'gate-1': service,
    'gate-2': service,
    'backend-1': service,
    'backend-2': service,
    redis: service,
    postgres: service,
    kafka: service,
    elasticsearch: service,
  }),
  networks: z.record(
    z.string(),
    z.strictObject({ ipam: z.strictObject({ config: z.array(z.strictObject({ subnet: z.string() })) }) }),
  ),
  volumes: z.record(z.string(), z.null()),
})

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

const file = compose.parse(parse(read('docker-compose.yml'), { merge: true }))
const { outer, 'gate-1': gate, 'gate-2': second, redis, postgres, kafka, elasticsearch } = file.services
const { 'backend-1': backend, 'backend-2': other_backend } = file.services
const ALL = [outer, gate, second, backend, other_backend, redis, postgres, kafka, elasticsearch]

/** As compose does: ${NAME:-default} and ${NAME:?message}. */
function interpolate(text: string, values: Record<string, string>): string {
  return text.replace(/\$\{(\w+):([-?])([^}]*)\}/g, (_, name: string, kind: string, rest: string) => {
    const value = values[name]
    if (value !== undefined && value !== '') return value
    if (kind === '-') return rest
    throw new Error(`${name}: ${rest}`)
  })
}

function environmentOf(wanted: typeof gate, values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(wanted.environment ?? {}).map(([name, text]) => [name, interpolate(text, values)]),
  )
}

function address(part: typeof gate): string {
  return interpolate(part.networks.rushgate?.ipv4_address ?? '', {})
}

interface Instruction {
  name: string
  rest: string
}

/** Joins continued lines, drops comments; throws for a line that is no instruction. */
function parseDockerfile(text: string): Instruction[] {
  const joined = text.replace(/\\\n/g, ' ')
  return joined
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = '', ...rest] = line.split(/\s+/)
      if (!INSTRUCTIONS.includes(name)) throw new Error(`Dockerfile: '${name}' is no instruction we use: ${line}`)
      return { name, rest: rest.join(' ') }
    })
}

const instructions = parseDockerfile(read('packaging/containers/Dockerfile'))

function stage(wanted: string): Instruction[] {
  const from = instructions.findIndex(({ name, rest }) => name === 'FROM' && rest.endsWith(` AS ${wanted}`))
  if (from < 0) throw new Error(`the Dockerfile has no stage ${wanted}`)
  const next = instructions.findIndex(({ name }, index) => index > from && name === 'FROM')
  return instructions.slice(from, next < 0 ? undefined : next)
}

function environmentOfImage(wanted: string): Record<string, string> {
  const pairs = stage(wanted)
    .filter(({ name }) => name === 'ENV')
    .flatMap(({ rest }) => rest.split(' '))
  return Object.fromEntries(pairs.map((pair) => pair.split('=') as [string, string]))
}

const VALUES = {
  RUSHGATE_SECRET: `k1:${'s'.repeat(32)}`,
  RUSHGATE_ADMIN_TOKEN: 'a'.repeat(24),
  POSTGRES_PASSWORD: 'p'.repeat(24),
  RUSHGATE_DEMO: '1',
}

test('every image is pinned to a version, those we build to that of package.json', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  expect(gate.image).toBe(`rushgate-gate:${version}`)
  expect(second.image).toBe(gate.image)
  expect(outer.image).toBe(`rushgate-outer:${version}`)
  expect(backend.image).toBe(`rushgate-backend:${version}`)
  expect(kafka.image).toBe(`apache/kafka:${KAFKA_VERSION}`)
  expect(elasticsearch.image).toBe(`elasticsearch:${ELASTICSEARCH_9.version}`)
  const bases = instructions.filter(({ name }) => name === 'FROM').map(({ rest }) => rest.split(' ')[0])
  expect(bases).toHaveLength(4)
  for (const base of bases) expect(base).toMatch(PINNED)
})

test('what is built exists: Dockerfile, stages, and every file that COPY takes', () => {
  for (const { build } of [outer, gate, second, backend]) {
    expect(existsSync(join(ROOT, build?.dockerfile ?? '', ''))).toBe(true)
    expect(stage(build?.target ?? '').length).toBeGreaterThan(3)
  }
  const copied = instructions.filter(({ name }) => name === 'COPY').map(({ rest }) => rest.split(' '))
  const sources = copied.filter(([first]) => !first?.startsWith('--from=')).flatMap((words) => words.slice(0, -1))
  expect(sources.length).toBeGreaterThan(10)
  for (const source of sources) expect(existsSync(join(ROOT, source)), source).toBe(true)
  const ignored = read('.dockerignore').trim().split('\n')
  for (const source of sources) expect(ignored).not.toContain(source.split('/')[0])
})

test('the build stage has every tsconfig and folder that the build reads', () => {
  const sources = stage('build')
    .filter(({ name }) => name === 'COPY')
    .flatMap(({ rest }) => rest.split(' ').slice(0, -1))
  const used = [...read('scripts/build.ts').matchAll(/'(tsconfig\.\w+\.json)'/g)].map(([, name]) => name as string)
  expect(used.length).toBeGreaterThan(1)
  const extended = used.flatMap((name) => /"extends": "\.\/([\w.]+)"/.exec(read(name))?.[1] ?? [])
  for (const name of [...used, ...extended]) expect(sources, name).toContain(name)
})

test('volumes: files exist, names are declared', () => {
  const sources = ALL.flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0] as string))
  expect(sources.length).toBeGreaterThan(0)
  for (const source of sources) {
    if (source.startsWith('.')) expect(existsSync(join(ROOT, source)), source).toBe(true)
    else expect(Object.keys(file.volumes)).toContain(source)
  }
})

test('only the outer tier is published, and on loopback only', () => {
  expect(outer.ports).toEqual(['127.0.0.1:8080:8080'])
  for (const inner of ALL.filter((part) => part !== outer)) expect(inner.ports).toBeUndefined()
})

test('every part has a health check, and waits for those it needs', () => {
  for (const name of ['outer', 'gate', 'backend']) expect(stage(name).map((line) => line.name)).toContain('HEALTHCHECK')
  for (const ready_made of [redis, postgres, kafka, elasticsearch]) expect(ready_made.healthcheck).toBeDefined()
  expect(Object.keys(outer.depends_on ?? {})).toEqual(['gate-1', 'gate-2'])
  expect(Object.keys(gate.depends_on ?? {})).toEqual(['backend-1', 'backend-2', 'kafka'])
  expect(Object.keys(backend.depends_on ?? {})).toEqual(['redis', 'postgres', 'kafka', 'elasticsearch'])
})

test.each(['RUSHGATE_SECRET', 'RUSHGATE_ADMIN_TOKEN', 'POSTGRES_PASSWORD'])('%s has no default', (name) => {
  const others = Object.fromEntries(Object.entries(VALUES).filter(([other]) => other !== name))
  const all = () => ALL.map((part) => environmentOf(part, others))
  expect(all).toThrow(`${name}: must be set`)
})

test('the backend accepts its environment, and it leads to the other parts', () => {
  const config = parseConfig({ ...environmentOfImage('backend'), ...environmentOf(backend, VALUES) }, ['api'])
  expect(config.bind).toBe('0.0.0.0')
  expect(config.redis_url).toBe(`redis://${address(redis)}:6379`)
  expect(new URL(config.database_url ?? '').host).toBe(`${address(postgres)}:5432`)
  const gate_env = environmentOf(gate, VALUES)
  expect(gate_env.RUSHGATE_BACKEND).toBe(
    [backend, other_backend].map((part) => `${address(part)}:${config.port}`).join(','),
  )
  expect(config.kafka_brokers).toEqual([`${address(kafka)}:9092`])
  expect(gate_env.KAFKA_BROKERS).toBe(`${address(kafka)}:9092`)
  expect(config.elasticsearch_url).toBe(`http://${address(elasticsearch)}:9200`)
  expect(gate_env.RUSHGATE_REDIS_URL).toBe(config.redis_url)
  expect(gate_env.RUSHGATE_SECRET).toBe(VALUES.RUSHGATE_SECRET)
  const subnet = interpolate(file.networks.rushgate?.ipam.config[0]?.subnet ?? '', {}).replace(/0\/24$/, '')
  for (const part of ALL) expect(address(part).startsWith(subnet)).toBe(true)
  expect(new Set(ALL.map(address)).size).toBe(ALL.length)
})

test('the outer tier knows both gates, which differ in nothing else, and they trust it alone', () => {
  const port = environmentOfImage('gate').GATE_LISTEN?.split(':')[1]
  const gates = [gate, second].map((part) => `${address(part)}:${port}`)
  const outer_env = environmentOf(outer, VALUES)
  expect(outer_env.OUTER_GATES?.split(',')).toEqual(gates)
  expect(outer_env.RUSHGATE_SECRET).toBe(VALUES.RUSHGATE_SECRET)
  for (const part of [gate, second]) expect(environmentOf(part, VALUES).RUSHGATE_TRUSTED_PROXIES).toBe(address(outer))
  const { networks: _, ...first_rest } = gate
  const { networks: __, ...second_rest } = second
  expect(second_rest).toEqual(first_rest)
})

test('ports agree: image, health check, compose and the defaults of the backend', () => {
  const defaults = parseConfig({ ...VALUES }, [...ROLES])
  expect(environmentOfImage('backend').RUSHGATE_PORT).toBe(String(defaults.port))
  expect(environmentOfImage('gate').GATE_LISTEN).toBe(`0.0.0.0:${new URL(defaults.public_url).port}`)
  const check = (name: string) => stage(name).find((line) => line.name === 'HEALTHCHECK')?.rest
  expect(check('gate')).toContain(`http://127.0.0.1:${new URL(defaults.public_url).port}/livez`)
  expect(environmentOfImage('outer').OUTER_LISTEN).toBe(environmentOfImage('gate').GATE_LISTEN)
  expect(check('outer')).toBe(check('gate'))
  expect(check('backend')).toContain(`http://127.0.0.1:${defaults.port}/healthz`)
})

test('the backends differ in name and address alone', () => {
  const { networks: _, hostname: name, ...rest } = backend
  const { networks: __, hostname: other_name, ...other_rest } = other_backend
  expect(other_rest).toEqual(rest)
  expect([name, other_name]).toEqual(['backend-1', 'backend-2'])
})

test('Kafka has the settings of the tests, and is found where it says it is', () => {
  const env = environmentOf(kafka, VALUES)
  for (const [name, value] of Object.entries(KAFKA_SETTINGS))
    expect(env[`KAFKA_${name.toUpperCase().replaceAll('.', '_')}`], name).toBe(value)
  expect(env.KAFKA_ADVERTISED_LISTENERS).toBe(`PLAINTEXT://${address(kafka)}:9092`)
  expect(env.KAFKA_CONTROLLER_QUORUM_VOTERS).toBe(`${env.KAFKA_NODE_ID}@${address(kafka)}:9093`)
  expect(kafka.volumes).toContain(`kafka-data:${env.KAFKA_LOG_DIRS}`)
})

test("Redis has the stack's settings", () => {
  const [program, ...args] = redis.command ?? []
  expect(program).toBe('redis-server')
  const settings = Object.fromEntries(
    args.flatMap((word, index) => (word.startsWith('--') ? [[word.slice(2), args[index + 1] || '""']] : [])),
  )
  expect(settings).toEqual(REDIS_SETTINGS)
})

test("the gate's image installs the packages that npm start installs, and no image runs as root", () => {
  const install =
    stage('gate')
      .find((line) => line.rest.includes('apt-get install'))
      ?.rest.split(' ') ?? []
  const needed = RUN_PACKAGES.map((wanted) => wanted.name).filter((name) => name !== 'redis-server')
  for (const name of needed) expect(install).toContain(name)
  for (const name of ['outer', 'gate']) expect(stage(name).find((line) => line.name === 'USER')?.rest).toBe('www-data')
  expect(stage('outer').some((line) => line.rest.includes('libnginx-mod-http-js'))).toBe(true)
  expect(stage('backend').find((line) => line.name === 'USER')?.rest).toBe('node')
})

test.each([
  ['gate', 'nginx/nginx.conf.template'],
  ['outer', 'nginx/outer.conf.template'],
])('the entrypoint of %s gives a value to every placeholder of its template', (name, template) => {
  const placeholders = new Set(read(template).match(/@[A-Z][A-Z0-9_]*@/g))
  expect(placeholders.size).toBeGreaterThan(8)
  const entrypoint = read(`packaging/containers/${name}-entrypoint.sh`)
  for (const placeholder of placeholders) expect(entrypoint).toContain(`s|${placeholder}|`)
})

test('a broken Dockerfile would be noticed', () => {
  expect(() => parseDockerfile('FROM debian:12.11-slim\nCOPPY a b\n')).toThrow("'COPPY' is no instruction")
  expect(readdirSync(join(ROOT, 'packaging/containers')).sort()).toEqual([
    'Dockerfile',
    'gate-entrypoint.sh',
    'outer-entrypoint.sh',
  ])
})
