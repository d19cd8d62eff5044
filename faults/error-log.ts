// What must never stand in the gate's error log, whatever was killed.
import type { Violation } from './checkers/evidence'

const SHOWN_MAX = 5
// a killed worker is reported as an alert by the master: that one was ours
const SIGNS =
  /lua (entry thread|coroutine|tcp socket).*(attempt to|error)|stack traceback|lua_code_cache|unknown reason/
const OURS = /exited on signal 9/

export function badLogLines(error_log: string): Violation[] {
  const lines = error_log.split('\n').filter((line) => SIGNS.test(line) && !OURS.test(line))
  return lines.slice(0, SHOWN_MAX).map((line) => ({ kind: 'server_error', what: `gate's error log: ${line}` }))
}
