-- CreateEnum
CREATE TYPE "media_status" AS ENUM ('pending', 'ready', 'none');

-- AlterTable
ALTER TABLE "destinations" ADD COLUMN     "wait_for_picture" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "pictures" (
    "alert_id" BIGINT NOT NULL,
    "status" "media_status" NOT NULL DEFAULT 'pending',
    "reason" TEXT,
    "detail" TEXT,
    "sha256" BYTEA,
    "width" INTEGER,
    "height" INTEGER,
    "bytes" INTEGER,
    "picture_bytes" BIGINT NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "pictures_pkey" PRIMARY KEY ("alert_id")
);

-- CreateTable
CREATE TABLE "copies" (
    "alert_id" BIGINT NOT NULL,
    "status" "media_status" NOT NULL DEFAULT 'pending',
    "reason" TEXT,
    "detail" TEXT,
    "archive" BOOLEAN NOT NULL DEFAULT false,
    "progress" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "sha256" BYTEA,
    "width" INTEGER,
    "height" INTEGER,
    "bytes" BIGINT,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "requested_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "copies_pkey" PRIMARY KEY ("alert_id")
);

-- CreateTable
CREATE TABLE "link_versions" (
    "alert_id" BIGINT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "revoked_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "link_versions_pkey" PRIMARY KEY ("alert_id")
);

-- CreateIndex
CREATE INDEX "pictures_pending_idx" ON "pictures"("next_attempt_at", "alert_id") WHERE (status = 'pending'::media_status);

-- CreateIndex
CREATE INDEX "pictures_sha256_idx" ON "pictures"("sha256") WHERE (sha256 IS NOT NULL);

-- CreateIndex
CREATE INDEX "copies_pending_idx" ON "copies"("archive", "next_attempt_at", "alert_id") WHERE (status = 'pending'::media_status);

-- CreateIndex
CREATE INDEX "copies_ready_idx" ON "copies"("last_used_at") WHERE (status = 'ready'::media_status);

-- CreateIndex
CREATE INDEX "copies_sha256_idx" ON "copies"("sha256") WHERE (sha256 IS NOT NULL);

-- AddForeignKey
ALTER TABLE "pictures" ADD CONSTRAINT "pictures_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "copies" ADD CONSTRAINT "copies_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "link_versions" ADD CONSTRAINT "link_versions_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE NO ACTION;
