import { expect, it } from 'vitest';
import { runCommand } from '#test/harness/run-command.ts';

it('the generated types are those of the OpenAPI document', async () => {
  expect(await runCommand('test/sdk/openapi-types.ts', ['--check'])).toMatchObject({ code: 0, err: '' });
});
