// The pages of the way without computing: plain HTML, no script, no style. Every text in them is of a-z, A-Z, 0-9, "_" and "-".
import { rfc3339 } from '../../domain/time'

function page(title: string, head: string, body: string): string {
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">' +
    '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">' +
    head +
    '<title>' +
    title +
    '</title></head><body><main><h1>' +
    title +
    '</h1>' +
    body +
    '</main></body></html>'
  )
}

/** Comes back by itself with the proof, when its time has come. */
export function waitingPage(sale: string, proof: string, wait_ms: number): string {
  const wait_s = Math.ceil(wait_ms / 1000)
  const again = '?form&amp;proof=' + proof
  return page(
    'Please wait a moment',
    '<meta http-equiv="refresh" content="' + wait_s + ';url=' + again + '">',
    '<p>Before a purchase this shop lets each device compute for a moment, so that machines cannot take everything. ' +
      'Instead of computing you can wait: <strong>' +
      wait_s +
      ' seconds</strong>, with nothing to do. Then this page goes on by itself.</p>' +
      '<p><a href="' +
      again +
      '">See whether the time is up</a></p><p><a href="/sales/' +
      sale +
      '">Back to the sale</a></p>',
  )
}

export function readyPage(sale: string, proof: string, expires_ms: number): string {
  return page(
    'You can go on',
    '',
    '<p><a href="/sales/' +
      sale +
      '#proof=' +
      proof +
      '">Go on to the sale</a></p><p>This is good for one purchase, until ' +
      rfc3339(expires_ms).substring(11, 19) +
      ' UTC. Your device computes nothing for it.</p>' +
      '<p><label for="proof">For use without this shop’s page: the value of the header X-Rush-Proof</label></p>' +
      '<p><textarea id="proof" rows="6" cols="60" readonly>' +
      proof +
      '</textarea></p>',
  )
}
