import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Path of the first of these programs that one of the folders of `searchPath`, a PATH, holds; undefined: none. */
export async function findProgram(names: string[], searchPath: string): Promise<string | undefined> {
  for (const name of names) {
    for (const folder of searchPath.split(delimiter).filter(Boolean)) {
      const file = join(folder, name);
      if (await isExecutable(file)) return file;
    }
  }
  return undefined;
}

function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
