// Counts what a vitest JSON report says, and what it does not: files that failed to load, and errors outside any test.
export interface Tally {
  passed: number
  /** one line for each */
  failed: string[]
  skipped: string[]
}

interface Assertion {
  status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo' | 'disabled'
  fullName: string
}

interface FileResult {
  name: string
  status: 'passed' | 'failed'
  message: string
  assertionResults: Assertion[]
}

export function countVitest(step: string, report: unknown, exit_code: number | null): Tally {
  const tally: Tally = { passed: 0, failed: [], skipped: [] }
  for (const file of (report as { testResults?: FileResult[] } | undefined)?.testResults ?? []) {
    const failed_before = tally.failed.length
    for (const { status, fullName } of file.assertionResults) {
      if (status === 'passed') tally.passed += 1
      else if (status === 'failed') tally.failed.push(`${file.name}: ${fullName}`)
      else tally.skipped.push(`${file.name}: ${fullName} (${status})`)
    }
    if (file.status === 'failed' && tally.failed.length === failed_before)
      tally.failed.push(`${file.name}: ${file.message.split('\n')[0] || 'did not load'}`)
  }
  if (tally.passed + tally.failed.length + tally.skipped.length === 0) tally.failed.push(`${step}: no test was run`)
  if (exit_code !== 0 && tally.failed.length === 0)
    tally.failed.push(`${step}: vitest ended with exit code ${exit_code}`)
  return tally
}
