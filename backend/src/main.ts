// The backend's process: reads its configuration, opens the ledger, serves until SIGTERM or SIGINT, then ends in order. SIGHUP
// makes it read its secrets again.
import { Command } from 'commander'
import { Backend } from './backend'
import { parseConfig, parseRoles, ROLES } from './config'
import { openLedger } from './ledger/open'
import { createLog, type Logger } from './log'

/** A second signal, or a stop that takes longer than this, ends the process as it is. */
const STOP_MAX_MS = 20_000

async function main(): Promise<void> {
  const command = new Command('rushgate-backend')
    .description('Settles orders, holds, payments; serves the admin API. Configured by environment variables.')
    .option(
      '--roles <roles>',
      `comma-separated: ${ROLES.join(', ')} (all by default; api: the first five; a part needs DATABASE_URL)`,
    )
    .parse()
  const roles = parseRoles(command.opts<{ roles?: string }>().roles)
  const config = parseConfig(process.env, roles)
  const log = createLog(config.log_level)
  let backend: Backend | undefined
  const ledger = await openLedger({
    database_url: config.database_url,
    data_dir: config.data_dir,
    logger: log,
    onBreaker: (is_open, upstream) => backend?.metrics.breaker_open.set({ upstream }, is_open ? 1 : 0),
  })
  backend = new Backend(config, ledger, log)
  try {
    await backend.start()
  } catch (error) {
    await backend.stop()
    await ledger.close()
    throw error
  }
  process.on('SIGHUP', () => backend?.reloadSecrets())
  const signal = await untilSignal(log)
  log.info({ signal }, 'stopping')
  await backend.stop()
  await ledger.close()
  log.info('stopped')
}

function untilSignal(log: Logger): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) {
          log.warn({ signal }, 'asked twice: ending at once')
          process.exit(1)
        }
        asked = true
        setTimeout(() => {
          log.fatal({ stop_max_ms: STOP_MAX_MS }, 'stopping took too long')
          process.exit(1)
        }, STOP_MAX_MS).unref()
        resolve(signal)
      })
    }
  })
}

/** What an operator can do something about is a sentence; a bug comes with its stack. */
function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const is_bug = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError
  return is_bug ? (error.stack ?? error.message) : error.message
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(`rushgate-backend: ${said(error)}`)
    process.exit(1)
  },
)
