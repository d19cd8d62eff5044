// A crowd while Kafka's broker is killed and comes back, and while a settler is killed and another joins: exactly the stock is sold, nothing
// is lost and nothing twice (the checkers of every fault run). The same with 20,000 shoppers: npm run load -- spike --start --kafka.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { postgresAvailable, startTestPostgres } from '../../backend/test/postgres'
import { type Kafka, startKafka } from '../../scripts/engines/kafka'
import type { Postgres } from '../../scripts/postgres'
import { killBroker } from '../catalogue/kill-broker'
import { killSettler } from '../catalogue/kill-settler'
import { runSchedule } from '../schedule'

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)

let dir: string
let kafka: Kafka
let postgres: Postgres | undefined

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-kafka-faults-'))
  kafka = await startKafka({ folder: join(dir, 'kafka') })
  if (postgresAvailable) postgres = await startTestPostgres()
}, 180_000)

afterAll(async () => {
  await kafka?.stop()
  await postgres?.stop()
  rmSync(dir, { recursive: true, force: true })
})

test(`a broker and a settler are killed under a crowd (seed ${SEED})`, async () => {
  const said: string[] = []
  const { violations, kills, orders } = await runSchedule({
    seed: SEED,
    dir,
    postgres: postgres && { process: postgres.process, url: postgres.url },
    kafka,
    faults: [
      { fault: killBroker, at_ms: 800 },
      { fault: killSettler, at_ms: 2500 },
    ],
    log: (line) => said.push(line),
  })
  expect(violations, said.join('\n')).toEqual([])
  expect(kills).toBe(2)
  expect(orders).toBeGreaterThan(50)
}, 240_000)
