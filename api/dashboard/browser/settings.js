/** What the server passes to the page. @type {import('../settings.ts').PageSettings} */
export const SETTINGS = JSON.parse(document.querySelector('meta[name="settings"]')?.getAttribute('content') ?? '{}');
