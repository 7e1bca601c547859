import { type Attack, otherClientMs } from '../attack.ts';
import { manageDestinations, NOWHERE, resultOf } from '../destinations.ts';

const LOOP = '{% for a in (1..9999) %}{% for b in (1..9999) %}{% assign c = a | plus: b %}{% endfor %}{% endfor %}';
const REJECTED = [
  LOOP,
  '{% for a in (1..1000000000) %}{% endfor %}',
  `{% assign a = 'x' %}${'{% assign a = a | append: a %}'.repeat(40)}{{ a }}`,
  "{% include '/etc/passwd' %}",
  "{% render '../../.env' %}",
  "{% layout '/etc/passwd' %}",
  "{{ data | map: 'constructor' | no_such_filter }}",
  "{% assign a = (1..9000) | where_exp: 'n', 'n > 1' %}",
];
/** Each is empty if no property of JavaScript itself can be reached. */
const PROPERTIES = ['data.constructor.name', 'data.__proto__', "data['constructor']['prototype']", 'this.process.env'];

export const attack: Attack = {
  item: 19,
  name: 'templates of destinations that loop, read files or reach into the program',
  limit: '200 ms and 100,000 characters per text; no files, own properties only',
  async run(target) {
    return manageDestinations(target, async ({ send, create }) => {
      const problems: string[] = [];
      for (const template of REJECTED) {
        const { status } = await create({ url: NOWHERE, template });
        if (status !== 422) problems.push(`${template.slice(0, 40)}… gets ${status}`);
      }
      const other = await otherClientMs(target);
      if (other > 1_000) problems.push(`another client waits ${other} ms`);
      // Passes the check of the api, which renders a sample, and loops in the worker.
      const hidden = `{% if data.uuid != '35df2857-3a48-4985-aed0-e68b5ae4c968' %}${LOOP}{% endif %}`;
      const reached = PROPERTIES.map((path) => `{% if ${path} %}${LOOP}{% endif %}`).join('');
      for (const [template, expected] of [
        [hidden, /template cannot be rendered/],
        [reached, /host name|ENOTFOUND|EAI_AGAIN|resolve/],
      ] as const) {
        const { body, status, text } = await create({ url: NOWHERE, template });
        if (status !== 201) problems.push(`${template.slice(0, 40)}… gets ${status}: ${text.slice(0, 200)}`);
        else {
          const result = await send('POST', `/destinations/${body.id}/test`);
          if (!expected.test(result.body.error ?? '')) problems.push(result.text.slice(0, 200));
        }
      }
      return resultOf(problems, `${REJECTED.length} get 422; one that hides from the check fails in the worker`);
    });
  },
};
