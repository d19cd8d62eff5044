// Runs the load generator (bench/loadgen) over a prepared file and reads its report.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** A connection a request with a full handshake, or with a resumed session; or kept connections with HTTP/2. */
export type TlsMode = 'new' | 'resumed' | 'h2'

interface LoadPlan {
  program: string
  port: number
  file: string
  connections: number
  protocol: 'http' | 'resp'
  /** the only right status: "202", or "bulk" for resp */
  expect: string
  /** text that each right answer holds */
  contains?: string
  /** the address that connections come from; 127.0.0.1 when absent */
  from?: string
  tls?: TlsMode
  /** requests a second, whether answered or not; default: as fast as they are answered */
  rate?: number
  /**
   * keep a core busy looking for answers. Else who answers slower than the generator asks pays for waking it, a microsecond and more of
   * CPU time an answer that a client elsewhere would not cost it, and who answers faster does not
   */
  awake?: boolean
  /** when requests that hold `text` were sent and answered is written to `file` (loadgen/times.go) */
  timed?: { text: string; file: string }
}

export interface LoadReport {
  requests: number
  answered: number
  statuses: Record<string, number>
  /** how often `contains` occurred in all answers */
  matched: number
  elapsed_s: number
  /** the generator's own CPU time */
  cpu_s: number
  p50_ms: number
  p99_ms: number
  max_ms: number
  reconnects: number
  /** connections that took up a session */
  resumed: number
  /** the first answer that was not right */
  first_bad?: string
}

export async function generateLoad(plan: LoadPlan): Promise<LoadReport> {
  const args = ['-address', `127.0.0.1:${plan.port}`, '-file', plan.file, '-connections', String(plan.connections)]
  args.push('-protocol', plan.protocol, '-expect', plan.expect)
  if (plan.contains !== undefined) args.push('-contains', plan.contains)
  if (plan.tls !== undefined) args.push('-tls', plan.tls)
  if (plan.timed !== undefined) args.push('-timed', plan.timed.text, '-times', plan.timed.file)
  if (plan.awake) args.push('-awake')
  if (plan.rate !== undefined) args.push('-rate', String(plan.rate))
  if (plan.from !== undefined) args.push('-from', `${plan.from}:0`)
  const { stdout } = await promisify(execFile)(plan.program, args)
  return JSON.parse(stdout) as LoadReport
}

/** Whether the handshakes were those that were asked for. */
export function resumedWrongly(report: LoadReport, tls: TlsMode | undefined): string | undefined {
  const expected = tls === 'resumed' ? report.requests : 0
  return report.resumed === expected ? undefined : `${report.resumed} sessions were resumed, expected ${expected}`
}

/** What is wrong with the answers; undefined when all are right. */
export function answeredWrongly(report: LoadReport, expect: string): string | undefined {
  const right = report.statuses[expect] ?? 0
  if (right === report.requests && report.first_bad === undefined) return undefined
  return `${right} of ${report.requests} answers were ${expect} (${JSON.stringify(report.statuses)}); first: ${report.first_bad}`
}
