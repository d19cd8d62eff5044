// A process for tests to kill: opens the PGlite folder named on its command line and commits one row after another, saying each number
// once it is committed. With a second argument `durable` it makes each tenth durable and says so;
// a third is the boot that it takes this for.
import { PgliteDb } from '../src/db/pglite'

const [folder = '', durable = '', boot_id = ''] = process.argv.slice(2)
const db = await PgliteDb.open(folder, { boot_id: boot_id === '' ? undefined : boot_id })
await db.script('CREATE TABLE IF NOT EXISTS written (number integer PRIMARY KEY, filling text)')
const [last] = await db.query<{ number: number }>('SELECT coalesce(max(number), 0) AS number FROM written')
for (let number = (last?.number ?? 0) + 1; ; number++) {
  await db.transaction((queries) =>
    queries.query("INSERT INTO written SELECT $1::integer, repeat('x', 1000)", [number]),
  )
  process.stdout.write(`committed ${number}\n`)
  if (durable !== '' && number % 10 === 0) {
    await db.durable()
    process.stdout.write(`durable ${number}\n`)
  }
}
