// Pages as text: what is put into a template is escaped, unless a template made it.

class Html {
  constructor(readonly text: string) {}
}

export type { Html }

type Part = Html | string | number | false | undefined | readonly Part[]

function escaped(part: Part): string {
  if (part === undefined || part === false) return ''
  if (part instanceof Html) return part.text
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part))
  return part.map(escaped).join('')
}

/** For text and for attributes in quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** html`<p title="${text}">${text}</p>`; parts that are lists follow each other, `undefined` and `false` are nothing. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  let text = strings[0] ?? ''
  parts.forEach((part, i) => {
    text += escaped(part) + (strings[i + 1] ?? '')
  })
  return new Html(text)
}
