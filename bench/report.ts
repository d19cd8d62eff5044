// What every measurement says while it runs and at its end.

export function progress(text: string): void {
  console.log(text)
}

/** The one RESULT line; a wrong answer makes the exit code 1. */
export function finish(result: Record<string, unknown>, wrong: string[]): void {
  for (const what of wrong) console.error(`WRONG ${what}`)
  console.log(`RESULT ${JSON.stringify(result)}`)
  if (wrong.length > 0) process.exitCode = 1
}

export function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`${flag}: a whole number from ${min} to ${max}, got ${text}`)
  }
  return value
}
