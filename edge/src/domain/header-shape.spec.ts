import { describe, expect, it } from 'vitest'
import { isInOrder, readShape } from './header-shape'

const CHROME_POST =
  'Host\nConnection\nsec-ch-ua-platform\nUser-Agent\nsec-ch-ua\nsec-ch-ua-mobile\nAccept\nOrigin\nSec-Fetch-Site\nSec-Fetch-Mode\nSec-Fetch-Dest\nAccept-Encoding~5991\nAccept-Language\n'
const CHROME_PAGE =
  'Host\nConnection\nsec-ch-ua\nsec-ch-ua-mobile\nsec-ch-ua-platform\nUser-Agent\nAccept\nSec-Fetch-Site\nSec-Fetch-Mode\nSec-Fetch-Dest\nAccept-Encoding~5991\nAccept-Language\n'

describe('the shape of headers', () => {
  it('has a place for each name, in whatever case', () => {
    const shape = readShape('Host\nuser-agent\nACCEPT\nAccept-Encoding~7\n', true)
    expect(shape.place['host']).toBe(1)
    expect(shape.place['user-agent']).toBe(2)
    expect(shape.place['accept']).toBe(3)
    expect(shape.place['accept-encoding']).toBe(4)
    expect(shape.place['origin']).toBeUndefined()
    expect(readShape('', true).place).toEqual({})
    // what is not ended was cut off
    expect(readShape('Host\nAcc', true).place).toEqual({ host: 1 })
  })

  it('is the same for a page and a purchase of one browser', () => {
    expect(readShape(CHROME_POST, true).text).toBe(readShape(CHROME_PAGE, true).text)
  })

  it('is another for another order, writing, set or encoding', () => {
    const seen: Record<string, boolean> = {}
    let count = 0
    for (const names of [
      'Host\nUser-Agent\nAccept\n',
      'Host\nAccept\nUser-Agent\n',
      'host\nuser-agent\naccept\n',
      'Host\nUser-Agent\n',
      'Host\nUser-Agent\nAccept\nTE\n',
      'Host\nUser-Agent\nAccept\nAccept-Encoding~1\n',
      'Host\nUser-Agent\nAccept\nAccept-Encoding~2\n',
    ]) {
      const text = readShape(names, true).text
      if (seen[text] !== true) count += 1
      seen[text] = true
    }
    expect(count).toBe(7)
  })

  it('tells whether names come in an order, whichever of them are there', () => {
    const shape = readShape('Host\nAccept\nUser-Agent\n', true)
    expect(isInOrder(shape, ['host', 'accept', 'origin', 'user-agent'])).toBe(true)
    expect(isInOrder(shape, ['user-agent', 'accept'])).toBe(false)
    expect(isInOrder(shape, [])).toBe(true)
  })
})
