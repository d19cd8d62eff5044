import { expect, test } from 'vitest'
import { countVitest } from './test-tally'

function report(...files: [status: string, ...tests: string[]][]) {
  return {
    testResults: files.map(([status, ...tests], index) => ({
      name: `file-${index}`,
      status,
      message: status === 'failed' ? 'Error: broken\n  at …' : '',
      assertionResults: tests.map((test) => ({ status: test, fullName: test })),
    })),
  }
}

test('counts what passed, failed and was skipped', () => {
  const tally = countVitest('unit', report(['failed', 'passed', 'failed', 'skipped'], ['passed', 'passed', 'todo']), 1)
  expect(tally).toEqual({
    passed: 2,
    failed: ['file-0: failed'],
    skipped: ['file-0: skipped (skipped)', 'file-1: todo (todo)'],
  })
})

test('a file that does not load is a failure', () => {
  expect(countVitest('unit', report(['failed'], ['passed', 'passed']), 1).failed).toEqual(['file-0: Error: broken'])
})

test('an error outside any test is a failure', () => {
  expect(countVitest('unit', report(['passed', 'passed']), 1).failed).toEqual(['unit: vitest ended with exit code 1'])
})

test.each([undefined, {}, report()])('no test at all is a failure', (empty) => {
  expect(countVitest('unit', empty, 0).failed).toEqual(['unit: no test was run'])
})
