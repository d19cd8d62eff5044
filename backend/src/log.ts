// One line of JSON for each thing worth knowing. Tokens and secrets are never passed to it.
import { type Logger as PinoLogger, pino } from 'pino'

export type Logger = PinoLogger

export function createLog(level: string): Logger {
  return pino({ level, base: { name: 'rushgate-backend', pid: process.pid } })
}
