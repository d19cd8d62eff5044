// A PostgreSQL server for one test file, and fresh databases in it.
//
// Where PostgreSQL is not installed, `postgresAvailable` is false and a test skips itself with the reason; under REQUIRE_ALL=1 it is true all the same, so
// that the test fails.
import { type Postgres, postgresBinFolder, startPostgres } from '../../scripts/postgres'

export const postgresAvailable = postgresBinFolder() !== undefined || process.env.REQUIRE_ALL === '1'

/** fsync is off: tests kill processes, they do not cut the power. */
export function startTestPostgres(): Promise<Postgres> {
  return startPostgres({ fsync: false })
}
