import { buffer } from 'node:stream/consumers';
import type { Logger } from 'pino';
import { type LinkKey, MAX_LINK_SECONDS, signLink } from '#media/links.ts';
import type { MediaStore } from '#media/store.ts';
import type { Database } from '#prisma/client.ts';
import type { ClaimedDelivery } from '#prisma/deliveries.ts';
import { findStoredMedia } from '#prisma/stored-media.ts';
import type { MessagePicture } from '../notify/kind.ts';

/** Returns the picture of a delivery's alert, or why there is none; undefined for groups, and while it is not finished. */
export type ReadPicture = (claimed: ClaimedDelivery) => Promise<MessagePicture | undefined>;

type Options = {
  db: Database;
  log: Logger;
  store: Pick<MediaStore, 'open'> | undefined;
  /** Sign the link to the picture. Without keys or PUBLIC_URL there is none. */
  keys: readonly LinkKey[];
  publicUrl: string | undefined;
};

/** Returns the reader of pictures. A picture that cannot be read is missing from the message, which is sent nevertheless. */
export function createPictureReader({ db, log, store, keys, publicUrl }: Options): ReadPicture {
  const linkTo = async (uuid: string) => {
    if (publicUrl === undefined || keys.length === 0) return undefined;
    const version = (await findStoredMedia(db, 'picture', uuid))?.version ?? 0;
    const expiresAt = new Date(Date.now() + MAX_LINK_SECONDS * 1_000);
    return new URL(signLink(keys, { uuid, of: 'picture', version, expiresAt }), publicUrl).href;
  };
  return async ({ snapshot, group }) => {
    const picture = snapshot?.picture;
    if (!snapshot || !picture || picture.status === 'pending' || (group && group.count > 1)) return undefined;
    const { reason, detail, sha256, width, height } = picture;
    if (reason !== null) return { reason, detail: detail ?? '' };
    if (!store || sha256 === null || width === null || height === null) return undefined;
    try {
      const file = await store.open('picture', sha256);
      const link = file && (await linkTo(snapshot.uuid));
      return file && { bytes: await buffer(file.stream), width, height, ...(link !== undefined && { link }) };
    } catch (err) {
      log.warn({ err, alert: snapshot.uuid }, 'the picture of a message cannot be read: it is sent without');
      return undefined;
    }
  };
}
