// Entrants are the first 128 bits of the MAC, in the one text that decoding and encoding gives again.
import { describe, expect, it } from 'vitest'
import { drawEntrant } from './draw-entrant'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

describe('an entrant', () => {
  it('is 22 characters, the last of which carries two bits', () => {
    for (let i = 0; i < 64; i++) {
      const entrant = drawEntrant(
        () => 'abcdefghijklmnopqrstu' + LETTERS.substring(i, i + 1) + 'rest-of-a-mac',
        (text) => text.length,
        'spring',
        'ada',
      )
      const two_bits = Math.floor(i / 16) * 16
      expect(entrant).toBe('abcdefghijklmnopqrstu' + LETTERS.substring(two_bits, two_bits + 1))
    }
  })

  it('is of one user in one sale', () => {
    const messages: string[] = []
    const hmac = (message: string): string => {
      messages.push(message)
      return 'abcdefghijklmnopqrstuv'
    }
    drawEntrant(hmac, (text) => text.length, 'spring', 'ada')
    drawEntrant(hmac, (text) => text.length, 'sprin', 'gada')
    expect(messages).toEqual(['4:draw6:spring3:ada', '4:draw5:sprin4:gada'])
  })
})
