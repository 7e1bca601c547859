import type { KindConfig } from '#destinations/kinds.ts';
import type { HttpSender } from './http-sender.ts';
import type { Kind, Message } from './kind.ts';
import { publicPictureLink, type Summary, shorten, summarize } from './summary.ts';

// Limits of an embed: title 256 characters, description 4,096, field 1,024, all together 6,000.
const MAX_DESCRIPTION = 2_500;
const MAX_FIELD = 300;

const COLORS: Record<Summary['level'], number> = {
  success: 0x2e7d32,
  failure: 0xc62828,
  warning: 0xef6c00,
  info: 0x1565c0,
};

/** Sends to a Discord webhook, whose URL is the secret. */
export function discordKind(http: HttpSender): Kind<KindConfig<'discord'>> {
  return {
    send: ({ url }, message, { signal }) =>
      http.post({
        url,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(discordPayload(message)),
        signal,
        secrets: [url],
      }),
  };
}

/**
 * Returns the message as one embed, without mentions. The link is part of its text: Discord rejects a message with a `url`
 * that it finds malformed, such as one on localhost. It shows WebP pictures and keeps a copy of them.
 */
export function discordPayload(message: Message): object {
  const summary = summarize(message);
  const { level, title, text, facts, list, more, link } = summary;
  const picture = publicPictureLink(summary);
  const lines = [text, ...list, ...(more > 0 ? [`and ${more} more`] : [])].map(escapeMarkdown);
  if (link) lines.push(`[${escapeMarkdown(link.label)}](${link.url.replace(/[()\s<>]/g, percentEncode)})`);
  return {
    allowed_mentions: { parse: [] },
    embeds: [
      {
        title: shorten(escapeMarkdown(title), 256),
        description: keepLines(lines, MAX_DESCRIPTION),
        color: COLORS[level],
        timestamp: message.createdAt.toISOString(),
        ...(picture ? { image: { url: picture } } : {}),
        fields: facts.map(([name, value]) => ({
          name,
          value: shorten(escapeMarkdown(value), MAX_FIELD) || '\u200b',
          inline: value.length < 40,
        })),
      },
    ],
  };
}

/** Every punctuation character of Discord's Markdown and of its mentions. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\*_~`|>#[\]()<@:-]/g, '\\$&');
}

function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`;
}

/** Returns the first lines and the last one, the link, in at most `max` characters. */
function keepLines(lines: string[], max: number): string {
  const kept = [...lines];
  while (kept.length > 2 && kept.join('\n').length > max) kept.splice(-2, 1);
  return kept.join('\n').slice(0, 4_096);
}
