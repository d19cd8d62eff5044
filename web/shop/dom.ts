// The few helpers that touch the page. Texts are only ever set as text: nothing the server says becomes markup.

export function find<Kind extends Element>(root: ParentNode, selector: string): Kind {
  const element = root.querySelector<Kind>(selector)
  if (element === null) throw new Error(`the page lacks ${selector}`)
  return element
}

/** The element that markup calls `data-part="name"`. */
export function part<Kind extends HTMLElement = HTMLElement>(root: ParentNode, name: string): Kind {
  return find<Kind>(root, `[data-part="${name}"]`)
}

export function cloneTemplate(id: string): HTMLElement {
  const template = find<HTMLTemplateElement>(document, `#${id}`)
  return find<HTMLElement>(template.content.cloneNode(true) as DocumentFragment, '*')
}

/** Writes only what differs, so that a screen reader is not told the same again and a selection survives. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

export function setAttribute(element: Element, name: string, value: string | undefined): void {
  if (value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name)
  } else if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}

export function setShown(element: HTMLElement, shown: boolean): void {
  if (element.hidden === shown) element.hidden = !shown
}

/** Off for the pointer and said to be off, but it keeps the focus: somebody with a keyboard may wait on it. */
export function setEnabled(button: HTMLElement, enabled: boolean): void {
  setAttribute(button, 'aria-disabled', enabled ? undefined : 'true')
}

export function isEnabled(button: HTMLElement): boolean {
  return button.getAttribute('aria-disabled') !== 'true'
}

/** Makes the list hold exactly these children in this order, moving as little as possible. */
export function setChildren(list: HTMLElement, children: readonly HTMLElement[]): void {
  for (const child of [...list.children]) if (!children.includes(child as HTMLElement)) child.remove()
  children.forEach((child, at) => {
    if (list.children[at] !== child) list.insertBefore(child, list.children[at] ?? null)
  })
}

const SAID_TOGETHER_MS = 60

let unsaid: string[] = []

/** Says a sentence to screen readers: politely, together with others of the same moment, and again when it is the same as before. */
export function say(sentence: string): void {
  unsaid.push(sentence)
  if (unsaid.length > 1) return
  const region = find<HTMLElement>(document, '#said')
  region.textContent = ''
  setTimeout(() => {
    region.textContent = unsaid.join(' ')
    unsaid = []
  }, SAID_TOGETHER_MS)
}

export function prefersCalm(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches
}
