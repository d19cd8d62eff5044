// Text that may be stored, shown and sent on.

/** Control characters (PostgreSQL cannot hold U+0000, pages should not show the others) and halves of surrogate pairs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_PLAIN = /[\u0000-\u001f\u007f]|\p{Surrogate}/u

export function isPlainText(text: string): boolean {
  return !NOT_PLAIN.test(text)
}
