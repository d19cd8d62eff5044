// RFC 3339 in UTC with milliseconds, without a Date: the same text in LuaJIT and in Node.

const DAY_MS = 86400000

function padded(value: number, width: number): string {
  let text = '' + value
  while (text.length < width) text = '0' + text
  return text
}

/** Days since 1970 to year, month and day (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
export function rfc3339(ms: number): string {
  const days = Math.floor(ms / DAY_MS)
  const rest = ms - days * DAY_MS
  const shifted = days + 719468
  const era = Math.floor(shifted / 146097)
  const day_of_era = shifted - era * 146097
  const year_of_era = Math.floor(
    (day_of_era - Math.floor(day_of_era / 1460) + Math.floor(day_of_era / 36524) - Math.floor(day_of_era / 146096)) /
      365,
  )
  const day_of_year = day_of_era - (365 * year_of_era + Math.floor(year_of_era / 4) - Math.floor(year_of_era / 100))
  const month_index = Math.floor((5 * day_of_year + 2) / 153)
  const day = day_of_year - Math.floor((153 * month_index + 2) / 5) + 1
  const month = month_index < 10 ? month_index + 3 : month_index - 9
  const year = year_of_era + era * 400 + (month <= 2 ? 1 : 0)
  const hours = Math.floor(rest / 3600000)
  const minutes = Math.floor(rest / 60000) - hours * 60
  const seconds = Math.floor(rest / 1000) - hours * 3600 - minutes * 60
  const millis = Math.floor(rest) - Math.floor(rest / 1000) * 1000
  return (
    padded(year, 4) +
    '-' +
    padded(month, 2) +
    '-' +
    padded(day, 2) +
    'T' +
    padded(hours, 2) +
    ':' +
    padded(minutes, 2) +
    ':' +
    padded(seconds, 2) +
    '.' +
    padded(millis, 3) +
    'Z'
  )
}
