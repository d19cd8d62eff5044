import { expect, test } from 'vitest'
import { Waiters } from './long-poll'

const poll = (after: number) => ({ after, wait_ms: 600_000, gone: new AbortController().signal })

test('waiters are answered by a newer version, by the end, and after it at once', async () => {
  const waiters = new Waiters()
  const answered: string[] = []
  const older = waiters.wait(poll(1)).then(() => answered.push('older'))
  const newer = waiters.wait(poll(2)).then(() => answered.push('newer'))
  waiters.announce(2)
  await older
  expect(answered).toEqual(['older'])
  waiters.stop()
  await newer
  await waiters.wait(poll(2))
})
