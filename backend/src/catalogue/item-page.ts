// GET /item/{id}: the page of a product. No script, so that any cache may keep it for everybody; what changes by the second (is
// the sale open, how much is left) is on the sale's page, to which it links.
import { type Html, html } from '../http/html'
import type { Offer, Product } from './products'

export const PAGE_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

interface Price {
  amount_minor: number
  currency: string
}

export function priceText({ amount_minor, currency }: Price): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency })
  return format.format(amount_minor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2))
}

function timeText(ms: number): Html {
  const iso = new Date(ms).toISOString()
  return html`<time datetime="${iso}">${iso.substring(0, 10)}, ${iso.substring(11, 16)} UTC</time>`
}

/** The frame of every page that the backend makes. */
export function pageFrame(title: string, body_class: string, main: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Rushgate</title>
</head>
<body class="${body_class}">
<header class="bar"><a class="brand" href="/">Rushgate</a></header>
<main id="main" class="page">
${main}
</main>
</body>
</html>
`.text
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
}<h1>${title}</h1>
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
}</article>`
  return pageFrame(title, 'catalogue', main)
}
