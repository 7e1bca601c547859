import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { findPartForTests, findSystemPart } from '../system-packages.ts';

const part = { commands: ['a-part-nobody-has', 'its-other-name'], aptPackage: 'a-package' };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'system-parts-'));
  onTestFinished(() => rm(folder, { recursive: true }));
});

async function script(name: string, text: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`);
  await chmod(join(folder, name), 0o755);
}

function machine(mayInstall: boolean) {
  const said: string[] = [];
  return { searchPath: folder, mayInstall, said, say: (line: string) => said.push(line) };
}

it('finds a program under any of its names', async () => {
  await script('its-other-name', '');
  expect(await findSystemPart(part, machine(false))).toEqual({ path: join(folder, 'its-other-name') });
});

it('does not take a file that cannot be run for the program', async () => {
  await writeFile(join(folder, 'its-other-name'), '');
  expect(await findSystemPart(part, machine(false))).toHaveProperty('missing');
});

it('tells an ordinary user which package to install and runs no apt-get', async () => {
  await script('apt-get', `touch ${folder}/apt-ran`);
  const found = await findSystemPart(part, machine(false));
  expect(found).toEqual({
    missing: 'a-part-nobody-has or its-other-name is not installed: install the package a-package',
  });
  expect(await findSystemPart({ ...part, commands: ['apt-ran'] }, machine(false))).toHaveProperty('missing');
});

it('installs the package where it may, and says so before it does', async () => {
  await script(
    'apt-get',
    `case "$*" in *"install -y --no-install-recommends a-package") ln -s /bin/true ${folder}/its-other-name;; esac`,
  );
  const root = machine(true);
  expect(await findSystemPart(part, root)).toEqual({ path: join(folder, 'its-other-name') });
  expect(root.said).toEqual(['a-part-nobody-has is not installed: apt-get install a-package …']);
});

it('lets a package start no service, whatever its scripts call', async () => {
  await script(
    'apt-get',
    `for tool in invoke-rc.d deb-systemd-invoke update-rc.d deb-systemd-helper; do
       readlink "$(command -v $tool)"
     done >> ${folder}/tools; echo "$*" >> ${folder}/arguments; ln -sf /bin/true ${folder}/its-other-name`,
  );
  await findSystemPart(part, machine(true));
  const tools = await readFile(join(folder, 'tools'), 'utf8');
  expect(new Set(tools.trim().split('\n'))).toEqual(new Set(['/bin/true']));
  // apt-get gives dpkg a PATH of its own unless told: the same idle tools must come first on that one.
  expect(await readFile(join(folder, 'arguments'), 'utf8')).toContain('-o DPkg::Path=/');
});

it('repeats the last word of an apt-get that failed', async () => {
  await script('apt-get', 'echo "E: Unable to locate package a-package" >&2; exit 100');
  const found = await findSystemPart(part, machine(true));
  expect(found).toHaveProperty('missing', expect.stringContaining('E: Unable to locate package a-package'));
});

it('lets a suite be skipped for want of a program, but not in CI', async () => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  vi.spyOn(process, 'getuid').mockReturnValue(1_000);
  onTestFinished(() => void vi.restoreAllMocks());
  expect(await findPartForTests(part, { PATH: folder })).toHaveProperty('missing');
  expect(process.stderr.write).toHaveBeenCalledWith(expect.stringMatching(/a-package.*skipped/));
  await expect(findPartForTests(part, { PATH: folder, CI: 'true' })).rejects.toThrow(/a-package.*fails the run/);
  await script('a-part-nobody-has', '');
  expect(await findPartForTests(part, { PATH: folder, CI: 'true' })).toHaveProperty('path');
});
