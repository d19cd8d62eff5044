// GET /item/{id}: the page of a product, the same for everybody, so that any cache may keep it; what changes by the second (is
// the sale open, how much is left) is on the sale's page, to which it links.
import { type Html, html } from '../http/html'
import { pageText, priceText } from '../http/page'
import type { Offer, Product } from './products'

function timeText(ms: number): Html {
  const iso = new Date(ms).toISOString()
  return html`<time datetime="${iso}">${iso.substring(0, 10)}, ${iso.substring(11, 16)} UTC</time>`
}

function offerLine({ sale, title, opens_ms, closes_ms, price }: Offer): Html {
  return html`<li><a href="/sales/${sale}">${title}</a>: ${priceText(price)}, from ${timeText(opens_ms)} to ${timeText(closes_ms)}</li>
`
}

export function itemPage(product: Product): string {
  const { title, text, picture, price, attributes, offers } = product
  const paragraphs = text.split(/\n+/).filter((line) => line.trim() !== '')
  const names = Object.keys(attributes)
  const main = html`<article class="item">
${
  picture !== '' &&
  html`<img class="item-picture" src="${picture}" alt="" width="480" height="480">
`
}<div class="item-words">
<h1>${title}</h1>
<p class="item-price">${priceText(price)}</p>
${paragraphs.map(
  (line) => html`<p>${line}</p>
`,
)}${
  names.length > 0 &&
  html`<dl class="item-facts">
${names.map(
  (name) => html`<dt>${name}</dt><dd>${attributes[name]}</dd>
`,
)}</dl>
`
}${
  offers.length > 0 &&
  html`<h2>On sale</h2>
<ul class="item-offers">
${offers.map(offerLine)}</ul>
`
}</div>
</article>`
  return pageText({ title, script: '/visit.js', main })
}
