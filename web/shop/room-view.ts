// The waiting room on the sale page: where one stands, what it means, and the button to get in.
import { find, isEnabled, part, setAttribute, setChildren, setEnabled, setShown, setText } from './dom'
import type { RoomSight } from './room'

export class RoomView {
  readonly root = find<HTMLElement>(document, '#room')
  readonly button = part(this.root, 'room-button')
  private readonly facts: HTMLElement[] = []

  constructor(sale: string, join: () => void) {
    part<HTMLAnchorElement>(this.root, 'room-transcript').href = `/sales/${sale}/draw`
    this.button.addEventListener('click', () => {
      if (isEnabled(this.button)) join()
    })
  }

  /** `sight` undefined: the sale has no waiting room. */
  update(sight: RoomSight | undefined, draws: boolean, entrant: string): void {
    setShown(this.root, sight !== undefined)
    if (sight === undefined) return
    setAttribute(this.root, 'data-tone', sight.tone)
    setText(part(this.root, 'room-title'), sight.title)
    setText(part(this.root, 'room-text'), sight.text)
    setShown(part(this.root, 'room-standing'), sight.place !== '')
    setText(part(this.root, 'room-place'), sight.place)
    while (this.facts.length < sight.facts.length) this.facts.push(document.createElement('li'))
    const shown = this.facts.slice(0, sight.facts.length)
    for (const [i, item] of shown.entries()) setText(item, sight.facts[i] ?? '')
    setChildren(part(this.root, 'room-facts'), shown)
    setShown(this.button, sight.button !== '')
    setText(this.button, sight.button)
    setEnabled(this.button, sight.enabled)
    setShown(part(this.root, 'room-draw'), draws)
    setShown(part(this.root, 'room-entrant-line'), entrant !== '')
    setText(part(this.root, 'room-entrant'), entrant)
  }
}
