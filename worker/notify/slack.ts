import type { KindConfig } from '#destinations/kinds.ts';
import type { HttpSender } from './http-sender.ts';
import type { Kind, Message } from './kind.ts';
import { shorten, summarize } from './summary.ts';

// Limits of Block Kit: header 150 characters, section text 3,000, field 2,000, 10 fields, 50 blocks.
const MAX_SECTION = 2_900;
// An `&` becomes five characters.
const MAX_FIELD = 380;

/** Sends to a Slack incoming webhook, whose URL is the secret. */
export function slackKind(http: HttpSender): Kind<KindConfig<'slack'>> {
  return {
    send: ({ url }, message, { signal }) =>
      http.post({
        url,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(slackPayload(message)),
        signal,
        secrets: [url],
      }),
  };
}

/**
 * Returns the message in Block Kit. `text` is what notifications show. The picture is a link: Slack rejects a message with an
 * image block if it cannot download the image, or if it is a WebP file. With `unfurl_media` it shows what it can.
 */
export function slackPayload(message: Message): object {
  const { title, text, facts, list, more, link, picture } = summarize(message);
  const section = (content: string) => ({ type: 'section', text: { type: 'mrkdwn', text: content } });
  const fields = facts.slice(0, 10).map(([name, value]) => ({
    type: 'mrkdwn',
    text: `*${escapeSlack(name)}*\n${escapeSlack(value, MAX_FIELD)}`,
  }));
  const lines = list.map((each) => `• ${escapeSlack(each)}`);
  if (more > 0) lines.push(`and ${more} more`);
  return {
    text: escapeSlack(title),
    unfurl_links: false,
    unfurl_media: picture?.link !== undefined,
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: headerOf(title), emoji: false } },
      section(escapeSlack(text)),
      { type: 'section', fields },
      ...inSections(lines).map(section),
      ...(picture?.link ? [section(`<${linkTarget(picture.link)}|Show the picture>`)] : []),
      ...(link ? [section(`<${linkTarget(link.url)}|${escapeSlack(link.label)}>`)] : []),
    ],
  };
}

/** `&`, `<` and `>` are Slack's control characters: without them there are no links and no mentions. */
function escapeSlack(text: string, max = MAX_SECTION): string {
  // A zero-width space ends formatting characters: *bold*, _italic_ and `code` stay as they are.
  const plain = shorten(text, max).replace(/[*_~`]/g, '$&\u200b');
  return escapeControls(plain);
}

function escapeControls(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Returns as much of the title as fits when escaped. A header has no formatting. */
function headerOf(title: string): string {
  let part = title;
  while (escapeControls(part).length > 150) part = shorten(part, part.length - 1);
  return escapeControls(part);
}

function linkTarget(url: string): string {
  return url.replace(/[<>|\s]/g, encodeURIComponent).replaceAll('&', '&amp;');
}

function inSections(lines: string[]): string[] {
  const sections: string[] = [];
  for (const line of lines) {
    const last = sections.at(-1);
    if (last !== undefined && last.length + line.length < MAX_SECTION)
      sections[sections.length - 1] = `${last}\n${line}`;
    else sections.push(line);
  }
  return sections;
}
