// What each kind of destination is called, and the fields of its configuration.

/** @typedef {import('./destination-requests.js').Kind} Kind */
/**
 * @typedef {object} Field
 * @property {string} name As in the API.
 * @property {string} label
 * @property {'text' | 'secret' | 'number' | 'lines' | 'headers' | 'multiline' | 'select' | 'checkbox'} type `lines`: a list, one
 *   entry per line; `headers`: a secret object, one `Name: value` per line.
 * @property {boolean} [required]
 * @property {boolean} [secret] Never shown; an empty input keeps it.
 * @property {string} [placeholder]
 * @property {string} [note]
 * @property {string | boolean} [initial]
 * @property {[value: string, label: string][]} [options]
 */

/** @type {Field} */
const USER = { name: 'user', label: 'User', type: 'text' };
/** @type {Field} */
const PASSWORD = { name: 'password', label: 'Password', type: 'secret', secret: true };

/** @param {string} placeholder @returns {Field[]} */
const chat = (placeholder) => [
  { name: 'url', label: 'Webhook URL', type: 'secret', secret: true, required: true, placeholder },
];

/** @type {Record<Kind, { label: string, note: string, fields: Field[] }>} */
export const KINDS = {
  webhook: {
    label: 'Webhook',
    note: 'Sends signed HTTP requests to a system (Standard Webhooks).',
    fields: [
      { name: 'url', label: 'URL', type: 'text', required: true, placeholder: 'https://example.com/alerts' },
      {
        name: 'headers',
        label: 'Headers',
        type: 'headers',
        secret: true,
        placeholder: 'Authorization: Bearer …',
        note: 'One per line.',
      },
      {
        name: 'template',
        label: 'Body template (Liquid)',
        type: 'multiline',
        note: 'Empty: the JSON that the documentation describes.',
      },
      { name: 'content_type', label: 'Content type', type: 'text', placeholder: 'application/json' },
    ],
  },
  email: {
    label: 'E-mail',
    note: 'Sends e-mails through an SMTP server.',
    fields: [
      {
        name: 'to',
        label: 'To',
        type: 'lines',
        required: true,
        placeholder: 'on-call@example.com',
        note: 'One address per line.',
      },
      { name: 'from', label: 'From', type: 'text', required: true, placeholder: 'alerts@example.com' },
      { name: 'host', label: 'SMTP server', type: 'text', required: true, placeholder: 'smtp.example.com' },
      { name: 'port', label: 'Port', type: 'number', required: true, initial: '587' },
      {
        name: 'security',
        label: 'Security',
        type: 'select',
        required: true,
        initial: 'starttls',
        options: [
          ['starttls', 'STARTTLS'],
          ['tls', 'TLS'],
          ['none', 'None'],
        ],
      },
      USER,
      PASSWORD,
    ],
  },
  ntfy: {
    label: 'ntfy',
    note: 'Sends push messages to phones.',
    fields: [
      { name: 'server', label: 'Server', type: 'text', required: true, initial: 'https://ntfy.sh' },
      { name: 'topic', label: 'Topic', type: 'text', required: true, placeholder: 'video-alerts' },
      { name: 'token', label: 'Access token', type: 'secret', secret: true },
      {
        name: 'priority',
        label: 'Priority',
        type: 'select',
        options: [
          ['', 'By event'],
          ['1', '1 (lowest)'],
          ['2', '2'],
          ['3', '3'],
          ['4', '4'],
          ['5', '5 (highest)'],
        ],
      },
    ],
  },
  slack: {
    label: 'Slack',
    note: 'Posts to a channel through an incoming webhook.',
    fields: chat('https://hooks.slack.com/services/…'),
  },
  teams: {
    label: 'Microsoft Teams',
    note: 'Posts to a channel or chat through a workflow.',
    fields: chat('https://….logic.azure.com/workflows/…'),
  },
  discord: {
    label: 'Discord',
    note: 'Posts to a channel through its webhook.',
    fields: chat('https://discord.com/api/webhooks/…'),
  },
  mqtt: {
    label: 'MQTT',
    note: 'Publishes to a broker, one topic per store.',
    fields: [
      { name: 'url', label: 'Broker', type: 'text', required: true, placeholder: 'mqtts://broker.example.com:8883' },
      USER,
      PASSWORD,
      { name: 'topic_prefix', label: 'Topic prefix', type: 'text', required: true, initial: 'video-alerts' },
      { name: 'retain', label: 'Retain the last message of each topic', type: 'checkbox', initial: true },
      { name: 'home_assistant', label: 'Announce the stores to Home Assistant', type: 'checkbox', initial: false },
    ],
  },
};

/** What a destination can be notified of. @type {Record<string, string>} */
export const EVENT_LABELS = {
  'alert.processed': 'Alert processed',
  'alert.failed': 'Alert failed',
  'alert.late': 'Alert late',
  'store.silent': 'Store silent',
  'store.back': 'Store back',
  test: 'Test',
};
/** Those that the form offers: the others are not sent yet. */
export const OFFERED_EVENTS = ['alert.processed', 'alert.failed', 'alert.late'];

/** Returns the label of a kind; its name if the page does not know it. @param {string} kind */
export function kindLabel(kind) {
  return kind === 'console' ? 'Console' : (new Map(Object.entries(KINDS)).get(kind)?.label ?? kind);
}
