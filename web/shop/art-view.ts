// Draws the pattern of art.ts as an inline picture. Colours come from the style sheet by class: the page's CSP allows no inline style.
import { ART_SIDE, artOf, type Tile } from './art'

const SVG = 'http://www.w3.org/2000/svg'
const UNIT = 10

function pathOf(tile: Tile): string {
  if (tile.shape === 'dot') return `M5 1.6a3.4 3.4 0 1 1 0 6.8a3.4 3.4 0 1 1 0-6.8Z`
  if (tile.shape === 'ring') return `M0 0H10A10 10 0 0 1 0 10V6.2A6.2 6.2 0 0 0 6.2 0Z`
  return 'M0 0H10A10 10 0 0 1 0 10Z'
}

export function artElement(id: string): SVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', `0 0 ${ART_SIDE * UNIT} ${ART_SIDE * UNIT}`)
  svg.setAttribute('aria-hidden', 'true')
  svg.setAttribute('preserveAspectRatio', 'xMidYMid slice')
  for (const tile of artOf(id)) {
    const path = document.createElementNS(SVG, 'path')
    path.setAttribute('d', pathOf(tile))
    path.setAttribute('class', `art-${tile.colour}`)
    const half = UNIT / 2
    const x = tile.column * UNIT
    const y = tile.row * UNIT
    path.setAttribute('transform', `translate(${x} ${y}) rotate(${tile.turn * 90} ${half} ${half})`)
    svg.append(path)
  }
  return svg
}
