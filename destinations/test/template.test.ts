import { describe, expect, it } from 'vitest';
import { renderTemplate, templateProblem } from '../template.ts';

it('renders the fields of an event', () => {
  expect(renderTemplate('{{ data.store }}: {{ data.resolution | default: "?" }}', { data: { store: 'a' } })).toBe(
    'a: ?',
  );
});

describe('templateProblem', () => {
  it.each(['{{ data.store }}', '{{ data | json }}', '{% if data.failure %}x{% endif %}', '{{ unknown.field }}'])(
    'accepts %j',
    (template) => {
      expect(templateProblem(template)).toBeUndefined();
    },
  );

  it.each([
    ['{{ data.store', 'not closed'],
    ['{% if x %}', 'not closed'],
    ['{{ data | nonsense }}', 'undefined filter'],
    ['{% nonsense %}', 'tag "nonsense" not found'],
    ['{% include "/etc/passwd" %}', 'tag "include" not found'],
    ['{% render "/etc/passwd" %}', 'tag "render" not found'],
    ['{% layout "/etc/passwd" %}', 'tag "layout" not found'],
    ['{% for i in (1..1000000000) %}x{% endfor %}', 'memory alloc limit exceeded'],
    [`${'{% for i in (1..900) %}'.repeat(5)}x${'{% endfor %}'.repeat(5)}`, 'limit exceeded'],
    [`{% assign a = "${'x'.repeat(100)}" %}${'{% assign a = a | append: a %}'.repeat(30)}{{ a }}`, 'limit exceeded'],
    ['{{ "now" | date: "%100000000d" }}', 'limit exceeded'],
    ['{% assign a = (1..90000) %}{{ a | group_by_exp: "x", "x" }}', 'undefined filter'],
    ['{% assign a = (1..90000) %}{{ a | join: ", " | upcase }}', 'limit exceeded'],
    ['x'.repeat(20_000), 'limit exceeded'],
  ])('rejects %.80j', (template, reason) => {
    const problem = templateProblem(template);
    if (reason !== '') expect(problem).toContain(reason);
    expect((problem ?? '').length).toBeLessThan(400);
  });

  it('sees neither prototypes nor the process', () => {
    const template = '{{ data.constructor }}{{ data.__proto__ }}{{ process.env }}{{ data.store.constructor.name }}';
    expect(renderTemplate(template, { data: { store: 'a' } })).toBe('');
  });
});
