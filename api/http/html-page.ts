import { escapeHtml } from './escape-html.ts';

/** The style of pages outside the operator's page, in its colors. Served as /login.css: no page has inline styles. */
export const PAGE_STYLE = `:root {
  --background: #f5f6f8; --panel: #fff; --border: #e2e5ea; --strong-border: #8a93a1; --text: #14181f; --muted: #586173;
  --accent: #2450c8; --on-accent: #fff; --failed: #b4231b; --failed-background: #fdf1f0;
  color-scheme: light dark;
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  color: var(--text); background: var(--background);
}
@media (prefers-color-scheme: dark) {
  :root {
    --background: #0c0f13; --panel: #13171d; --border: #252b34; --strong-border: #6d7788; --text: #e7eaef;
    --muted: #9aa4b3; --accent: #8fb0ff; --on-accent: #0b1220; --failed: #ff8d84; --failed-background: #2a1718;
  }
}
* { box-sizing: border-box }
body { margin: 0; padding: 12vh 16px 16px; overflow-wrap: anywhere }
main { max-width: 400px; margin: 0 auto; padding: 24px; background: var(--panel); border: 1px solid var(--border); border-radius: 10px }
h1 { margin: 0 0 16px; font-size: 18px; font-weight: 650 }
p { margin: 0 0 12px }
.note { margin: 16px 0 0; font-size: 12px; color: var(--muted) }
label { display: block; font-weight: 600 }
input { width: 100%; margin: 4px 0 16px; padding: 8px 10px; font: inherit; color: inherit; background: var(--background); border: 1px solid var(--strong-border); border-radius: 6px }
::placeholder { color: var(--muted); opacity: 1 }
button, a.button { display: inline-block; padding: 8px 16px; font: inherit; font-weight: 600; color: var(--on-accent); background: var(--accent); border: 1px solid transparent; border-radius: 6px; text-decoration: none; cursor: pointer }
button { width: 100% }
a { color: var(--accent) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
[role=alert] { padding: 8px 12px; color: var(--failed); background: var(--failed-background); border-left: 3px solid; border-radius: 4px }
`;

/** Returns a page. `body` is HTML; the caller escapes what it inserts. */
export function htmlPage({ title, body }: { title: string; body: string }): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)} – Video alerts</title>
<link rel="stylesheet" href="/login.css">
<main>
${body}
</main>
</html>
`;
}
