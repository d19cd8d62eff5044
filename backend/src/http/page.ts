// The frame of the pages that the backend makes: no script but one that may fail unseen, one style sheet, a field to search by. Plain documents, so that they work
// in any browser, and a cache may keep those that are the same for everybody.
import { type Html, html } from './html'

export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
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

interface PageFrame {
  title: string
  /** a file of the shop's pages, which the page does without where it does not run */
  script?: string
  /** what is in the field of the search */
  query?: string
  main: Html
}

export function pageText({ title, script, query = '', main }: PageFrame): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Rushgate</title>
<link rel="stylesheet" href="/catalogue.css">
${
  script !== undefined &&
  html`<script type="module" src="${script}"></script>
`
}</head>
<body class="catalogue">
<a class="skip" href="#main">Skip to the content</a>
<div class="hero">
<header class="bar">
<a class="brand" href="/"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M3 21V10a9 9 0 0 1 18 0v11h-5V10a4 4 0 0 0-8 0v11Z"/></svg>Rushgate</a>
<form class="look" action="/search" role="search">
<input type="search" name="q" value="${query}" maxlength="200" aria-label="Search products" placeholder="Search products">
<button class="bar-button">Search</button>
</form>
</header>
</div>
<main id="main" class="page" tabindex="-1">
${main}
</main>
<footer class="foot"><p>Prices of a sale are those of its own page.</p></footer>
</body>
</html>
`.text
}
