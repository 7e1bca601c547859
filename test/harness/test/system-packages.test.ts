import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { findOrInstallProgram, findTestProgram } from '../system-packages.ts';

const program = { commands: ['a-missing-program', 'its-other-name'], aptPackage: 'a-package' };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'system-packages-'));
  onTestFinished(() => rm(folder, { recursive: true }));
});

async function script(name: string, text: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`);
  await chmod(join(folder, name), 0o755);
}

function machine(mayInstall: boolean) {
  const printed: string[] = [];
  return { searchPath: folder, mayInstall, printed, print: (line: string) => printed.push(line) };
}

it('finds a program under any of its names', async () => {
  await script('its-other-name', '');
  expect(await findOrInstallProgram(program, machine(false))).toEqual({ path: join(folder, 'its-other-name') });
});

it('ignores a file that is not executable', async () => {
  await writeFile(join(folder, 'its-other-name'), '');
  expect(await findOrInstallProgram(program, machine(false))).toHaveProperty('missing');
});

it('names the package to install to an ordinary user, and does not run apt-get', async () => {
  await script('apt-get', `touch ${folder}/apt-ran`);
  const found = await findOrInstallProgram(program, machine(false));
  expect(found).toEqual({
    missing: 'a-missing-program or its-other-name is not installed: install the package a-package',
  });
  await expect(readFile(join(folder, 'apt-ran'))).rejects.toThrow('ENOENT');
});

it('installs the package if it may, and prints that first', async () => {
  await script(
    'apt-get',
    `case "$*" in *"install -y --no-install-recommends a-package") ln -s /bin/true ${folder}/its-other-name;; esac`,
  );
  const root = machine(true);
  expect(await findOrInstallProgram(program, root)).toEqual({ path: join(folder, 'its-other-name') });
  expect(root.printed).toEqual(['a-missing-program is not installed: apt-get install a-package …']);
});

it('lets a package start no service, whatever its scripts call', async () => {
  await script(
    'apt-get',
    `for tool in invoke-rc.d deb-systemd-invoke update-rc.d deb-systemd-helper; do
       readlink "$(command -v $tool)"
     done >> ${folder}/tools; echo "$*" >> ${folder}/arguments; ln -sf /bin/true ${folder}/its-other-name`,
  );
  await findOrInstallProgram(program, machine(true));
  const tools = await readFile(join(folder, 'tools'), 'utf8');
  expect(new Set(tools.trim().split('\n'))).toEqual(new Set(['/bin/true']));
  // apt-get gives dpkg a PATH of its own: the same idle tools must be first on that one, too.
  expect(await readFile(join(folder, 'arguments'), 'utf8')).toContain('-o DPkg::Path=/');
});

it('repeats the last line of an apt-get that failed', async () => {
  await script('apt-get', 'echo "E: Unable to locate package a-package" >&2; exit 100');
  const found = await findOrInstallProgram(program, machine(true));
  expect(found).toHaveProperty('missing', expect.stringContaining('E: Unable to locate package a-package'));
});

it('lets a suite be skipped for a missing program, but not in CI', async () => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  vi.spyOn(process, 'getuid').mockReturnValue(1_000);
  onTestFinished(() => void vi.restoreAllMocks());
  expect(await findTestProgram(program, { PATH: folder })).toHaveProperty('missing');
  expect(process.stderr.write).toHaveBeenCalledWith(expect.stringMatching(/a-package.*skipped/));
  await expect(findTestProgram(program, { PATH: folder, CI: 'true' })).rejects.toThrow(/a-package.*fails the run/);
  await script('a-missing-program', '');
  expect(await findTestProgram(program, { PATH: folder, CI: 'true' })).toHaveProperty('path');
});
