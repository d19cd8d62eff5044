// What clients say of themselves, as they do on the wire: browsers by vendor, scripts by library.

const CHROME =
  'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36'
const CHROME_DESKTOP =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36'
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1'
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0'

const FETCHED = {
  Accept: '*/*',
  'Accept-Encoding': 'gzip, deflate, br',
  'Sec-Fetch-Dest': 'empty',
  'Sec-Fetch-Mode': 'cors',
  'Sec-Fetch-Site': 'same-origin',
}

export const BROWSERS: readonly Record<string, string>[] = [
  {
    ...FETCHED,
    'User-Agent': CHROME,
    'Accept-Language': 'de-DE,de;q=0.9,en;q=0.8',
    'Sec-Ch-Ua': '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
    'Sec-Ch-Ua-Mobile': '?1',
    'Sec-Ch-Ua-Platform': '"Android"',
  },
  {
    ...FETCHED,
    'User-Agent': CHROME_DESKTOP,
    'Accept-Language': 'en-US,en;q=0.9',
    'Sec-Ch-Ua': '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
    'Sec-Ch-Ua-Mobile': '?0',
    'Sec-Ch-Ua-Platform': '"Windows"',
  },
  { ...FETCHED, 'User-Agent': SAFARI, 'Accept-Language': 'fr-FR,fr;q=0.9' },
  { ...FETCHED, 'User-Agent': FIREFOX, 'Accept-Language': 'en-GB,en;q=0.5' },
]

export const GO = { 'User-Agent': 'Go-http-client/1.1', 'Accept-Encoding': 'gzip' }
export const PYTHON = { 'User-Agent': 'python-requests/2.32.5', Accept: '*/*', 'Accept-Encoding': 'gzip, deflate' }
/** a script's headers under a browser's name */
export const PRETENDED_BROWSER = { ...PYTHON, 'User-Agent': CHROME_DESKTOP }
export const PRETENDED_CRAWLER = {
  ...PYTHON,
  'User-Agent': 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
}
