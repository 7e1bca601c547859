import { createHmac } from 'node:crypto';
import type { KindConfig, SigningSecret } from '#destinations/kinds.ts';
import { renderTemplate, TemplateError } from '#destinations/template.ts';
import { eventJson, eventObject } from './event-json.ts';
import type { HttpSender } from './http-sender.ts';
import { type Kind, type Message, SendError } from './kind.ts';

/** `signing_secret`: the api adds it to every webhook. */
export type WebhookConfig = KindConfig<'webhook'> & { signing_secret?: SigningSecret | undefined };

const MAX_BYTES = 20_000;

/** Sends webhooks as in Standard Webhooks 1.0. */
export function webhookKind(http: HttpSender): Kind<WebhookConfig> {
  return {
    async send(config, message, { signal, now }) {
      const body = config.template === undefined ? eventJson(message) : bodyOf(config.template, message);
      const own = Object.entries(config.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
      const headers: Record<string, string> = {
        ...Object.fromEntries(own),
        // After the destination's own headers, which therefore cannot replace these.
        'content-type': config.content_type ?? 'application/json',
        ...signatureHeaders(message.id, body, config.signing_secret, now()),
      };
      const secrets = Object.values(config.headers ?? {}).flatMap((value) => [value, value.replace(/^\S+ /, '')]);
      return http.post({ url: config.url, headers, body, signal, secrets });
    },
  };
}

/** Returns webhook-id, webhook-timestamp and webhook-signature. After a rotation both secrets sign, separated by a space. */
function signatureHeaders(
  id: string,
  body: string,
  signing: SigningSecret | undefined,
  now: Date,
): Record<string, string> {
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp };
  if (!signing) return headers;
  const { secret, previous } = signing;
  const valid = previous && new Date(previous.valid_until) > now ? [secret, previous.secret] : [secret];
  const signatures = valid.map((each) => {
    const key = Buffer.from(each.replace(/^whsec_/, ''), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return { ...headers, 'webhook-signature': signatures.join(' ') };
}

function bodyOf(template: string, message: Message): string {
  let body: string;
  try {
    body = renderTemplate(template, { id: message.id, ...eventObject(message) });
  } catch (error) {
    if (error instanceof TemplateError) throw new SendError(error.message, { cause: error });
    throw error;
  }
  const size = Buffer.byteLength(body);
  if (size >= MAX_BYTES)
    throw new SendError(`the template's text has ${size} bytes; at most ${MAX_BYTES - 1} are sent`);
  return body;
}
