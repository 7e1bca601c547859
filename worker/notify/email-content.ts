import type { Message } from './kind.ts';
import { type Summary, summarize } from './summary.ts';

const COLORS: Record<Summary['level'], string> = {
  success: '#2e7d32',
  failure: '#c62828',
  warning: '#ef6c00',
  info: '#1565c0',
};

/** Content-ID of the picture's part of the mail. */
const PICTURE_ID = 'picture@video-alerts';

type EmailContent = { subject: string; text: string; html: string; attachments: EmailPicture[] };
type EmailPicture = Record<'filename' | 'contentType' | 'cid', string> & {
  content: Buffer;
  contentDisposition: 'inline';
};

/**
 * Returns the subject and the text of an e-mail, as plain text and as HTML without scripts. The picture is a part of the mail:
 * it needs no link, and it is there after the link has expired.
 */
export function emailContent(message: Message): EmailContent {
  const summary = summarize(message);
  const { picture } = message;
  const attachments: EmailPicture[] = [];
  if (summary.picture && picture && 'bytes' in picture) {
    const content = { filename: 'picture.webp', contentType: 'image/webp', content: picture.bytes };
    attachments.push({ ...content, cid: PICTURE_ID, contentDisposition: 'inline' });
  }
  return { subject: summary.title, text: plainText(summary), html: htmlText(summary), attachments };
}

function plainText({ title, text, facts, list, more, link, picture }: Summary): string {
  const width = Math.max(0, ...facts.map(([name]) => name.length)) + 2;
  const lines = [title, '', text, '', ...facts.map(([name, value]) => `${`${name}:`.padEnd(width)}${value}`)];
  if (list.length > 0) lines.push('', ...list.map((each) => `- ${each}`));
  if (more > 0) lines.push(`and ${more} more`);
  if (link) lines.push('', `${link.label}: ${link.url}`);
  if (picture?.link) lines.push('', `Picture, for a limited time: ${picture.link}`);
  return `${lines.join('\n')}\n`;
}

function htmlText({ level, title, text, facts, list, more, link, picture }: Summary): string {
  const row = ([name, value]: [string, string]) =>
    `<tr><th align="left" style="padding:2px 16px 2px 0">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`;
  const items = [...list, ...(more > 0 ? [`and ${more} more`] : [])].map((each) => `<li>${escapeHtml(each)}</li>`);
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"></head><body style="font-family:sans-serif">',
    `<h1 style="font-size:18px;color:${COLORS[level]}">${escapeHtml(title)}</h1>`,
    `<p>${escapeHtml(text)}</p>`,
    ...(picture
      ? [`<p><img src="cid:${PICTURE_ID}" alt="${escapeHtml(picture.alt)}" style="max-width:100%;height:auto"></p>`]
      : []),
    `<table style="border-collapse:collapse">${facts.map(row).join('')}</table>`,
    ...(items.length > 0 ? [`<ul>${items.join('')}</ul>`] : []),
    ...(link ? [`<p><a href="${escapeHtml(link.url)}">${escapeHtml(link.label)}</a></p>`] : []),
    '</body></html>',
  ].join('\n');
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
