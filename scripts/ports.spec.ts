// Ports that are drawn: free ones, never the same twice, never one that somebody has named.
import { afterEach, expect, test, vi } from 'vitest'
import { freePort, keepPorts } from './ports'

afterEach(() => vi.restoreAllMocks())

test('a port that was named for what starts later is not drawn for something else', async () => {
  const first = await freePort()
  // the dice show the named port and one that is out already, then another
  const dice = vi.spyOn(Math, 'random')
  const shows = (port: number) => dice.mockReturnValueOnce((port - 20000 + 0.5) / 12000)
  keepPorts(undefined, 20017)
  shows(20017)
  shows(first)
  expect([20017, first]).not.toContain(await freePort())
})
