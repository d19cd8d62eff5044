// What `npm test` runs, in order, as a table: a new step is a line.
import { areFetched } from './engines/fetch'
import { specsThatUse } from './engines/for-run'
import { findK6 } from './k6'
import { postgresBinFolder } from './postgres'
import { findProgram, hasLibrdkafka, hasNginx, hasNjs } from './setup'

export type Size = 'quick' | 'normal' | 'full'

/** Real components; where one cannot be had, what needs it is skipped, with this reason. */
export interface Part {
  name: string
  isPresent: () => boolean
  /** how to get it */
  get: string
  /** vitest files of which something fails without it; those that leave out what needs it are not here */
  specs: string[]
}

export const PARTS: Part[] = [
  { name: 'nginx', isPresent: hasNginx, get: 'apt-get install nginx libnginx-mod-http-lua', specs: ['**/test/**'] },
  { name: 'redis', isPresent: program('redis-server'), get: 'apt-get install redis-server', specs: ['**/test/**'] },
  { name: 'busted', isPresent: program('busted'), get: 'apt-get install luajit2 lua-busted', specs: [] },
  {
    name: 'postgres',
    isPresent: () => postgresBinFolder() !== undefined,
    get: 'apt-get install postgresql-15',
    // most ask `postgresAvailable`, and go on with PGlite
    specs: specsThatUse(/\bstartPostgres\(/),
  },
  {
    name: 'njs',
    isPresent: hasNjs,
    get: 'apt-get install libnginx-mod-http-js',
    specs: specsThatUse(/\bstartFront\(|\bfindNjs\(|\bbench\('outer'/),
  },
  {
    name: 'chromium',
    isPresent: program('chromium'),
    get: 'apt-get install chromium',
    specs: specsThatUse(/\blaunchBrowser\(|'\.\/(browser|shop-visit)'/),
  },
  { name: 'go', isPresent: program('go'), get: 'Go 1.24 or newer from go.dev', specs: ['bench/test/**'] },
  {
    name: 'kafka',
    isPresent: areFetched,
    get: 'Java 17 or newer and Maven, which fetches it',
    specs: specsThatUse(/kafkaForTests|startKafka|engines\/run|'--full'/),
  },
  {
    name: 'elasticsearch',
    isPresent: areFetched,
    get: 'Java 17 or newer and Maven, which fetches it',
    specs: specsThatUse(/elasticsearchForTests|startElasticsearch|engines\/run|'--full'/),
  },
  {
    name: 'librdkafka',
    isPresent: hasLibrdkafka,
    get: 'apt-get install librdkafka1',
    specs: specsThatUse(/events-shop|events-run/),
  },
  { name: 'k6', isPresent: () => findK6() !== undefined, get: 'Go, which builds it', specs: [] },
]

export interface Step {
  name: string
  /** `vitest`: a project of vitest.config.ts; `command`: one test, passed when it exits with 0 */
  kind: 'vitest' | 'command'
  /** the project, or the program and its arguments (`tsx` stands for this Node with tsx) */
  run: string[]
  /** a line of the output that counts more than one test: passed, failed, skipped */
  counts?: RegExp
  sizes: Size[]
  needs?: string[]
  /** Kafka and Elasticsearch run beside it, where they can be had */
  uses_engines?: boolean
  /** ends what hangs: a slow machine, or one that does other things too, needs twice the time of a good one and more */
  minutes_max: number
}

const ALL: Size[] = ['quick', 'normal', 'full']
const WHOLE: Size[] = ['normal', 'full']

export const STEPS: Step[] = [
  { name: 'build', kind: 'command', run: ['tsx', 'scripts/build.ts'], sizes: ALL, minutes_max: 3 },
  { name: 'types', kind: 'command', run: ['npm', 'run', '--silent', 'types'], sizes: ALL, minutes_max: 5 },
  { name: 'lint', kind: 'command', run: ['npm', 'run', '--silent', 'lint'], sizes: ALL, minutes_max: 3 },
  { name: 'unit', kind: 'vitest', run: ['unit'], sizes: ALL, minutes_max: 10 },
  {
    name: 'specs under LuaJIT',
    kind: 'command',
    run: ['tsx', 'scripts/busted.ts'],
    counts: /^busted under LuaJIT: (\d+) passed, (\d+) failed, (\d+) skipped$/m,
    sizes: ALL,
    needs: ['busted'],
    minutes_max: 5,
  },
  {
    name: 'integration',
    kind: 'vitest',
    run: ['integration'],
    sizes: WHOLE,
    needs: ['nginx', 'redis'],
    uses_engines: true,
    // 27 on two quiet cores: a guard against what hangs, not a measure
    minutes_max: 55,
  },
  {
    name: 'faults',
    kind: 'command',
    run: ['tsx', 'faults/run.ts', '--schedules', '3', '--seed', '1'],
    sizes: ['normal'],
    needs: ['nginx', 'redis'],
    minutes_max: 20,
  },
  {
    name: 'load',
    kind: 'command',
    run: ['tsx', 'loadtest/run.ts', 'smoke', '--start'],
    sizes: ['normal'],
    needs: ['nginx', 'redis', 'k6'],
    minutes_max: 10,
  },
  {
    name: 'waiting room, 3,000 people',
    kind: 'command',
    run: [
      ...['tsx', 'bench/run.ts', 'waiting-room', '--people', '3000', '--rate', '100', '--seconds', '25'],
      ...['--tickets', '20000', '--connections', '64'],
    ],
    sizes: ['normal'],
    needs: ['nginx', 'redis', 'go'],
    minutes_max: 10,
  },
  {
    name: 'hot items, 15 rushes',
    kind: 'command',
    run: [
      ...['tsx', 'bench/run.ts', 'hot-items', '--windows', '2', '--rate', '5000', '--rushes', '15', '--slices', '0'],
    ],
    sizes: ['normal'],
    needs: ['nginx', 'redis', 'go', 'busted'],
    minutes_max: 10,
  },
  {
    name: 'settle, 5,000 orders',
    kind: 'command',
    run: ['tsx', 'bench/run.ts', 'settle', '--backlog', '5000', '--rate', '200', '--seconds', '3'],
    sizes: ['normal'],
    needs: ['nginx', 'redis', 'postgres', 'go'],
    minutes_max: 10,
  },
  {
    name: 'people and bots, 150 people',
    kind: 'command',
    run: ['tsx', 'bench/run.ts', 'bots', '--size', 'small'],
    sizes: ['normal'],
    needs: ['nginx', 'redis', 'k6'],
    minutes_max: 10,
  },
  {
    name: 'faults, 20 schedules',
    kind: 'command',
    run: ['tsx', 'faults/run.ts', '--schedules', '20', '--seed', '1'],
    sizes: ['full'],
    needs: ['nginx', 'redis'],
    minutes_max: 60,
  },
  {
    name: 'load spike, PGlite',
    kind: 'command',
    run: ['tsx', 'loadtest/run.ts', 'spike', '--start'],
    sizes: ['full'],
    needs: ['nginx', 'redis', 'k6'],
    minutes_max: 10,
  },
  {
    name: 'load spike, PostgreSQL',
    kind: 'command',
    run: ['tsx', 'loadtest/run.ts', 'spike', '--start', '--database', 'postgres'],
    sizes: ['full'],
    needs: ['nginx', 'redis', 'k6', 'postgres'],
    minutes_max: 10,
  },
  {
    name: 'load spike, Kafka',
    kind: 'command',
    run: [
      ...['tsx', 'loadtest/run.ts', 'spike', '--start', '--database', 'postgres'],
      ...['--kafka', '--fault', 'kill-broker', 'kill-settler'],
    ],
    sizes: ['full'],
    needs: ['nginx', 'redis', 'k6', 'postgres', 'kafka'],
    minutes_max: 10,
  },
  {
    name: 'settle',
    kind: 'command',
    run: ['tsx', 'bench/run.ts', 'settle'],
    sizes: ['full'],
    needs: ['nginx', 'redis', 'postgres', 'go'],
    minutes_max: 10,
  },
  {
    name: 'waiting room',
    kind: 'command',
    run: ['tsx', 'bench/run.ts', 'waiting-room'],
    sizes: ['full'],
    needs: ['nginx', 'redis', 'go'],
    minutes_max: 15,
  },
  {
    name: 'item pages',
    kind: 'command',
    run: ['tsx', 'bench/run.ts', 'items', '--slices', '0'],
    sizes: ['full'],
    needs: ['nginx', 'redis', 'go'],
    minutes_max: 10,
  },
  {
    name: 'hot items',
    kind: 'command',
    run: ['tsx', 'bench/run.ts', 'hot-items'],
    sizes: ['full'],
    needs: ['nginx', 'redis', 'go', 'busted'],
    minutes_max: 10,
  },
  {
    name: 'events, a million',
    kind: 'command',
    run: ['tsx', 'bench/run.ts', 'events', '--index', '--slices', '0'],
    sizes: ['full'],
    needs: ['nginx', 'redis', 'go', 'librdkafka', 'kafka', 'elasticsearch'],
    minutes_max: 20,
  },
  {
    name: 'people and bots',
    kind: 'command',
    run: ['tsx', 'bench/run.ts', 'bots'],
    sizes: ['full'],
    needs: ['nginx', 'redis', 'k6'],
    minutes_max: 5,
  },
]

function program(name: string): () => boolean {
  return () => findProgram(name) !== undefined
}
