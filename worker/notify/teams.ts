import type { KindConfig } from '#destinations/kinds.ts';
import type { HttpSender } from './http-sender.ts';
import type { Kind, Message } from './kind.ts';
import { type Summary, summarize } from './summary.ts';

const COLORS: Record<Summary['level'], string> = {
  success: 'Good',
  failure: 'Attention',
  warning: 'Warning',
  info: 'Default',
};

/** Sends to a webhook of the Workflows app in Microsoft Teams, whose URL is the secret. */
export function teamsKind(http: HttpSender): Kind<KindConfig<'teams'>> {
  return {
    send: ({ url }, message, { signal }) =>
      http.post({
        url,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(teamsPayload(message)),
        signal,
        secrets: [url],
      }),
  };
}

/**
 * Returns the message as one Adaptive Card. Version 1.4 is the newest that all clients of Teams show. Teams accepts 28 kB;
 * `summarize` keeps a card far below that. The picture is a link, because cards show only PNG, JPEG and GIF files.
 */
export function teamsPayload(message: Message): object {
  const { level, title, text, facts, list, more, link, picture } = summarize(message);
  const block = (content: string, style: object = {}) => ({
    type: 'TextBlock',
    text: escapeCard(content),
    wrap: true,
    ...style,
  });
  const actions = [
    ...(link ? [{ type: 'Action.OpenUrl', title: link.label, url: link.url }] : []),
    ...(picture?.link ? [{ type: 'Action.OpenUrl', title: 'Show the picture', url: picture.link }] : []),
  ];
  const card = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      block(title, { size: 'Medium', weight: 'Bolder', color: COLORS[level] }),
      block(text),
      { type: 'FactSet', facts: facts.map(([name, value]) => ({ title: name, value: escapeCard(value) })) },
      ...list.map((line) => block(line, { spacing: 'Small' })),
      ...(more > 0 ? [block(`and ${more} more`)] : []),
    ],
    ...(actions.length > 0 ? { actions } : {}),
  };
  return {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content: card }],
  };
}

/** Adaptive Cards know bold, italic, lists and links of Markdown, and replace `{{DATE(…)}}`. */
function escapeCard(text: string): string {
  return text.replace(/[\\*_[\]()#`>~<|]/g, '\\$&').replaceAll('{{', '{\u200b{');
}
